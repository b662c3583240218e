"""Asks a server as people's programs do, with the clients of .venv-clients: ask_clients.py CLIENT PORT < JSON > JSON.

The JSON that comes in has "texts", and paths of "images"; what goes out is a list of rows, or of what was found.
"""

import asyncio
import base64
import importlib.util
import json
import pathlib
import runpy
import sys

MODEL = "llm2clip-demo"


def data_uri(path):
    return "data:image/jpeg;base64," + base64.b64encode(pathlib.Path(path).read_bytes()).decode()


def openai_client(url):
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="none")


def rows_of_openai(answer):
    return [item.embedding for item in answer.data]


def openai(url, asked):
    """base64 on the wire, which this client asks for by itself."""
    return rows_of_openai(openai_client(url).embeddings.create(model=MODEL, input=asked["texts"]))


def openai_float(url, asked):
    return rows_of_openai(openai_client(url).embeddings.create(model=MODEL, input=asked["texts"], encoding_format="float"))


def openai_async(url, asked):
    from openai import AsyncOpenAI

    async def ask():
        client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
        return await asyncio.gather(*(client.embeddings.create(model=MODEL, input=text) for text in asked["texts"]))

    return [row for answer in asyncio.run(ask()) for row in rows_of_openai(answer)]


def openai_images(url, asked):
    images = [data_uri(path) for path in asked["images"]]
    answers = [openai_client(url).embeddings.create(model=MODEL, input=[uri], extra_body={"modality": "image"}) for uri in images]
    return [row for answer in answers for row in rows_of_openai(answer)]


def openai_models(url, asked):
    return [model.id for model in openai_client(url).models.list()]


def openai_errors(url, asked):
    """What this client makes of refusals."""
    import openai

    seen = []
    for arguments in ({"model": "another", "input": "a"}, {"model": MODEL, "input": [1, 2]}):
        try:
            openai_client(url).embeddings.create(**arguments)
        except openai.APIStatusError as error:
            seen.append([type(error).__name__, error.status_code, error.param])
    return seen


def langchain(url, asked):
    from langchain_openai import OpenAIEmbeddings

    client = OpenAIEmbeddings(model=MODEL, base_url=f"{url}/v1", api_key="none", check_embedding_ctx_length=False)
    rows = client.embed_documents(asked["texts"])
    assert client.embed_query(asked["texts"][0]) == rows[0]
    return rows


def llama_index(url, asked):
    from llama_index.embeddings.openai import OpenAIEmbedding

    client = OpenAIEmbedding(model_name=MODEL, api_base=f"{url}/v1", api_key="none")
    rows = client.get_text_embedding_batch(asked["texts"])
    assert client.get_query_embedding(asked["texts"][0]) == rows[0]
    return rows


def huggingface_hub(url, asked):
    """The client that Text Embeddings Inference names."""
    from huggingface_hub import InferenceClient

    client = InferenceClient(f"{url}/embed")
    return [client.feature_extraction(text)[0].tolist() for text in asked["texts"]]


def clip_retrieval(url, asked):
    """The module of its client alone: the package wants a machine for neural networks."""
    package = importlib.util.find_spec("clip_retrieval")
    module = runpy.run_path(f"{package.submodule_search_locations[0]}/clip_client.py")
    client = module["ClipClient"](url=f"{url}/knn-service", indice_name="pictures", num_images=3)
    answers = [client.query(text=text) for text in asked["texts"]] + [client.query(image=path) for path in asked["images"]]
    return [[[hit["id"], hit["similarity"], hit["url"]] for hit in answer] for answer in answers]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](f"http://127.0.0.1:{sys.argv[2]}", json.load(sys.stdin))))
