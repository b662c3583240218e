"""Whatever the C++ headers declare has a counterpart in llm2clip/c/llm2clip.h, or a reason here why not."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = ROOT / "include" / "llm2clip"

spec = importlib.util.spec_from_file_location("make_c_abi", ROOT / "scripts" / "make_c_abi.py")
assert spec and spec.loader
make_c_abi = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_c_abi)

# Headers for programs that use another C++ library as well.
OTHER_LIBRARIES = {"torch.h", "opencv.h"}

# C++ name: the functions of C that stand for it. Others are called as by `usual_name`.
COUNTERPARTS = {
    "Classifier::labels": ["llm2clip_classifier_counts", "llm2clip_classifier_label"],
    "Classifier::templates": ["llm2clip_classifier_counts", "llm2clip_classifier_template"],
    "Embeddings::Embeddings": ["llm2clip_embeddings_from_values"],
    "Embeddings::dim": ["llm2clip_embeddings_view"],
    "Embeddings::rows": ["llm2clip_embeddings_view"],
    "Embeddings::values": ["llm2clip_embeddings_view"],
    "EmbeddingsView::EmbeddingsView": ["llm2clip_embeddings_from_values"],  # which copies
    "EmbeddingsView::dim": ["llm2clip_embeddings_view"],
    "EmbeddingsView::rows": ["llm2clip_embeddings_view"],
    "EmbeddingsView::values": ["llm2clip_embeddings_view"],
    "Error::kind": ["llm2clip_error_message"],  # and the status that the call returned
    "Index::dim": ["llm2clip_index_view"],
    "Index::graph": ["llm2clip_index_get_graph"],
    "Index::kind": ["llm2clip_index_get_graph"],
    "Index::scan": ["llm2clip_index_get_graph"],
    "Index::row_limit": ["llm2clip_index_view"],
    "Index::rows": ["llm2clip_index_view"],
    "IndexWriter::IndexWriter": ["llm2clip_index_writer_open"],
    "IndexWriter::add": ["llm2clip_index_writer_add", "llm2clip_index_writer_add_taken"],
    "Model::adapter": ["llm2clip_model_get_part"],
    "Model::device": ["llm2clip_model_get_properties"],
    "Model::encode_crops": ["llm2clip_encode_crops"],
    "Model::encode_pixels": ["llm2clip_encode_pixels"],
    "Model::encode_images": ["llm2clip_encode_images"],
    "Model::encode_texts": ["llm2clip_encode_texts"],
    "Model::encode_tokens": ["llm2clip_encode_tokens"],
    "Model::load": ["llm2clip_model_load", "llm2clip_model_load_files"],
    "Model::text": ["llm2clip_model_get_part"],
    "Model::vision": ["llm2clip_model_get_part"],
    "Model::info": ["llm2clip_model_info_json", "llm2clip_model_preprocess_options"],
    "NpyWriter::NpyWriter": ["llm2clip_npy_writer_open"],
    "Run::Run": ["llm2clip_run_open"],
    "Tokenizer::options": ["llm2clip_tokenizer_get_options"],
    "decode_image": ["llm2clip_image_decode"],
    "encode_png": ["llm2clip_image_encode_png"],
    "llama3_prompt": ["llm2clip_tokenizer_options_init"],
    "load_tokenizer": ["llm2clip_tokenizer_load_of_model"],
    "make_thumbnail": ["llm2clip_image_thumbnail"],
    "normalize_rows": ["llm2clip_embeddings_normalize"],
    "read_image": ["llm2clip_image_read"],
    "read_model_info": ["llm2clip_read_model_info_json"],
    "to_image": ["llm2clip_image_from_rows"],
    "to_json": ["llm2clip_model_info_json", "llm2clip_read_model_info_json"],
    "to_rgb": ["llm2clip_image_to_rgb"],
}

# What C has no function for, and why.
EXCEPTIONS = {
    "Classifier::from_rows": "the server embeds labels among its other texts; a program in C gives them as texts",
    "Classifier::texts": "as Classifier::from_rows",
    "run_states": "what `llm2clip status --json` prints, for people who look after many runs",
    "EmbedSink::EmbedSink": "llm2clip_embed_sink is a struct",
    "EmbedSink::in_own_thread": "a field of llm2clip_embed_sink",
    "Embeddings::release": "what a handle stands for never changes",
    "Error::Error": "C makes no errors of ours",
    "Error": "statuses and llm2clip_error_message",
    "Film::Film": "FFmpeg's own interface is C, and its frames are what llm2clip_image_from_rows takes",
    "Film::frame_at": "as Film::Film",
    "check_films": "as Film::Film",
    "to_string": "choices are numbers in C, whose names are those of the header",
}

# C++ struct of options or results: that of C, and what has another name or none.
STRUCTS: dict[str, tuple[str, dict[str, list[str] | str]]] = {
    "EmbedOptions": ("llm2clip_embed_options", {
        "encode": ["batch_size", "batch_tokens", "normalize", "adapter"],
        "failure_limit": ["most_failures", "most_failed_share", "failure_advice"],
        "leave_threads": "a program in C waits for the threads of its calls",
    }),
    "EmbedSummary": ("llm2clip_totals", {}),
    "EncodeOptions": ("llm2clip_encode_options", {}),
    "ImageInput": ("llm2clip_image_input", {"content": ["path", "bytes", "image"]}),
    "LabelAccuracy": ("llm2clip_label_accuracy", {}),
    "IndexHit": ("llm2clip_index_hit", {}),
    "IndexOptions": ("llm2clip_index_options", {"commit_interval": ["commit_seconds"]}),
    "IndexSummary": ("llm2clip_index_summary", {}),
    "SearchOptions": ("llm2clip_search_options", {}),
    "LoadedPart": ("llm2clip_part", {
        "memory": ["mapped_bytes", "copied_bytes", "peak_scratch_bytes", "peak_scratch_known"]}),
    "LoadOptions": ("llm2clip_load_options", {}),
    "Match": ("llm2clip_match", {}),
    "Outcome": ("llm2clip_outcome", {"input": ["index", "id"]}),
    "EmbeddedBatch": ("llm2clip_embedded_batch", {"thumbnails": "an index alone is given them"}),
    "PreprocessOptions": ("llm2clip_preprocess_options", {}),
    "PreprocessedBatch": ("llm2clip_preprocessed_batch", {}),
    "ReadOptions": ("llm2clip_read_options", {"reserve": "decode_memory of llm2clip_embed_options bounds it"}),
    "RetrievalPair": ("llm2clip_retrieval_pair", {}),
    "RetrievalResult": ("llm2clip_retrieval_result", {}),
    "RetrievalScores": ("llm2clip_retrieval_scores", {}),
    "RunFailure": ("llm2clip_failure", {}),
    "RunOptions": ("llm2clip_run_options", {"commit_interval": ["commit_seconds"]}),
    "RunSummary": ("llm2clip_totals", {"files": "follow from the name and the number of shards"}),
    "StageReport": ("llm2clip_stage", {"stage": ["name"]}),
    "TextInput": ("llm2clip_text_input", {}),
    "TokenizerOptions": ("llm2clip_tokenizer_options", {
        "prompt": ["prompt_prefix", "prompt_suffix", "prompt_separator"]}),
    "ZeroShotResult": ("llm2clip_zero_shot_result", {"labels": "an argument of llm2clip_evaluate_zero_shot"}),
}


def text_of_headers() -> str:
    """The C++ headers without comments, preprocessor lines and bodies of functions."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(HEADERS.glob("*.h"))
             if path.name not in OTHER_LIBRARIES]
    text = re.sub(r"//[^\n]*", "", "\n".join(texts))
    return re.sub(r"^\s*#.*(?:\\\n.*)*$", "", text, flags=re.MULTILINE)


def body_behind(text: str, start: int) -> str:
    """What the braces hold that open at or behind `start`."""
    begin = text.index("{", start) + 1
    depth, end = 1, begin
    while depth:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[begin:end - 1]


def without_braces(text: str) -> str:
    """Bodies of functions and default values go."""
    while (shorter := re.sub(r"\{[^{}]*\}", ";", text)) != text:
        text = shorter
    return text


def classes(text: str) -> dict[str, str]:
    """{name: its public declarations}, of classes that are no templates."""
    found = {}
    for match in re.finditer(r"^class (?:LLM2CLIP_API )?(\w+)[^;{]*\{", text, flags=re.MULTILINE):
        if re.search(r">\s*$", text[:match.start()]):
            continue
        public = body_behind(text, match.start()).partition("public:")[2].partition("private:")[0]
        found[match[1]] = without_braces(public)
    return found


def members(name: str, public: str) -> set[str]:
    """Constructors and functions; not what every class has: copies, moves and operators."""
    found = set()
    for declaration in public.split(";"):
        declaration = re.sub(r"template <.*?>", "", " ".join(declaration.split()))
        called = re.search(r"(~?\w+|operator\S+) ?\(", declaration)
        if not called or called[1].startswith("~") or declaration.startswith("using") or "operator" in declaration:
            continue
        if called[1] == name and re.search(rf"\((?:const )?{name}&", declaration):
            continue
        found.add(f"{name}::{called[1]}")
    return found


def cpp_names() -> set[str]:
    text = text_of_headers()
    found = {name for declared in re.findall(r"^LLM2CLIP_API ([^;{]*?)\(", text, flags=re.MULTILINE)
             for name in [re.split(r"\W", declared)[-1]] if name != "from_string"}
    for name, public in classes(text).items():
        found |= members(name, public)
    return found


def usual_name(name: str) -> str:
    """Model::load is llm2clip_model_load, cosine is llm2clip_cosine."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("::", "_")).lower()
    return "llm2clip_" + words


def fields(name: str) -> list[str]:
    text = text_of_headers()
    body = body_behind(text, re.search(rf"^struct {name} \{{", text, flags=re.MULTILINE).start())
    body = without_braces(re.sub(r"=[^;]*;", ";", body))  # default values
    declarations = [declaration.strip() for declaration in body.split(";")]
    return [re.search(r"(\w+)$", re.sub(r"\{.*", "", declaration))[1] for declaration in declarations
            if declaration and not declaration.startswith(("using", "operator"))]


C_HEADER = make_c_abi.declarations()
C_FUNCTIONS = set(make_c_abi.functions(C_HEADER))
C_STRUCTS = make_c_abi.structs(C_HEADER)


def test_the_names_of_cpp_are_found():
    assert {"cosine", "Model::load", "Run::Run", "Embeddings::dim", "merge_runs"} <= cpp_names()
    assert not {"Model::~Model", "Model::Model", "encode_pixels"} & cpp_names()


@pytest.mark.parametrize("name", sorted(cpp_names()))
def test_c_has_what_cpp_has(name):
    if name in EXCEPTIONS:
        return
    missing = set(COUNTERPARTS.get(name, [usual_name(name)])) - C_FUNCTIONS
    assert not missing, f"{name} of C++ has no {missing} in C: write it, or give a reason in EXCEPTIONS"


def test_no_reason_is_out_of_date():
    classes_of_cpp = set(classes(text_of_headers()))
    assert (set(COUNTERPARTS) | set(EXCEPTIONS)) - cpp_names() - classes_of_cpp == set()
    needless = {name for name, functions in COUNTERPARTS.items() if functions == [usual_name(name)]}
    assert needless == set()


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_structs_of_c_have_the_fields_of_cpp(name):
    struct, different = STRUCTS[name]
    here = C_STRUCTS[struct]
    for field in fields(name):
        counterpart = different.get(field, [field])
        if not isinstance(counterpart, str):
            assert set(counterpart) <= set(here), f"{name}::{field} has no counterpart in {struct}"
    assert set(different) <= set(fields(name))
