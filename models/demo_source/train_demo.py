#!/usr/bin/env python3
"""Trains the demo model from generated pictures and captions, and asks it about combinations it never saw.

    models/demo_source/train_demo.py --steps 4200 --seed 1 --out build/demo
"""

import argparse
import json
import math
import pathlib
import random
import time
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from demo_world.attributes import AttributeHeads
from demo_world.captions import caption, wrong_caption
from demo_world.drawing import network_view
from demo_world.picture_pool import PicturePool, picture_pool
from demo_world.questions import Question, all_questions, format_table, picture_of
from demo_world.scene import Facts, not_contradicted
from demo_world.tokenizer import BEGIN, END, encode_captions, save_tokenizer, train_tokenizer
from demo_world.towers import (
    EMBEDDING_DIM,
    IMAGE_SIZE,
    VISION,
    DemoModel,
    normalized_pixels,
    read_published,
    write_published,
)

VOCABULARY = 740
TRUE_CAPTIONS = 2  # of each picture in a batch
MOST_SHIFT = 2  # pixels
SEEING_SHARE = 0.5  # of the steps go to the vision encoder alone
FACTS_WEIGHT = 0.5  # of the heads' losses beside the contrastive one
FIRST_SCALE, LAST_SCALE = 14.0, 100.0  # inference takes softmax(100 cos)
EXCLUDED = -1e4


@dataclass
class Pictures:
    """A batch of the pool, moved by a pixel or two."""

    pixels: Tensor  # (B, 3, S, S) float32
    scenes: np.ndarray  # (B, 11) int8, rows of Facts
    objects: Tensor  # (B, n, 5) float32: shape, color, x, y, diameter


@dataclass
class Captions:
    """C texts about a batch, and what belongs together."""

    texts: list[str]
    owner: Tensor  # (true texts,) index of the picture each true text was made for; wrong texts follow them
    fits: Tensor  # (B, C) bool: the text is not wrong about the picture


def choose_pictures(pool: PicturePool, size: int, rng: random.Random) -> Pictures:
    """Random pictures. The batch is moved as a whole and each is made a little lighter: no fact changes."""
    chosen = np.array(sorted(rng.sample(range(len(pool.scenes)), size)))
    side = pool.pictures.shape[1]
    dx, dy = rng.randint(-MOST_SHIFT, MOST_SHIFT), rng.randint(-MOST_SHIFT, MOST_SHIFT)
    pictures = torch.from_numpy(pool.pictures[chosen]).permute(0, 3, 1, 2).float()
    padded = functional.pad(pictures, (MOST_SHIFT,) * 4, mode="replicate")
    moved = padded[:, :, MOST_SHIFT - dy:MOST_SHIFT - dy + side, MOST_SHIFT - dx:MOST_SHIFT - dx + side]
    light = 1 + 0.04 * torch.randn(size, 1, 1, 1)
    objects = torch.from_numpy(pool.objects[chosen]) + torch.tensor([0, 0, dx / side, dy / side, 0])
    return Pictures(normalized_pixels((moved * light).clamp(0, 255).permute(0, 2, 3, 1)), pool.scenes[chosen], objects)


def caption_pictures(scenes: np.ndarray, rng: random.Random) -> Captions:
    """True captions of each picture, and one caption that is almost true."""
    said, texts, owner = [], [], []
    for row, scene in enumerate(scenes):
        for _ in range(TRUE_CAPTIONS):
            facts, text = caption(Facts(*map(int, scene)), rng)
            said.append(facts)
            texts.append(text)
            owner.append(row)
    for facts in said[::TRUE_CAPTIONS]:
        wrong, text = wrong_caption(facts, rng)
        said.append(wrong)
        texts.append(text)
    return Captions(texts, torch.tensor(owner), torch.from_numpy(not_contradicted(np.array(said), scenes)))


def contrastive_loss(images: Tensor, texts: Tensor, batch: Captions, scale: float) -> Tensor:
    """Softmax cross-entropy both ways. Texts that fit a picture they were not made for are left out.

      images  (B, D) unit rows
      texts   (C, D) unit rows, the true ones first
    """
    true = len(batch.owner)
    logits = scale * images @ texts.T  # (B, C)
    others = logits.masked_fill(batch.fits, EXCLUDED)
    own = logits[batch.owner, torch.arange(true)]  # (true,)
    image_side = torch.logaddexp(own, others.logsumexp(1)[batch.owner]) - own
    text_side = torch.logaddexp(own, others[:, :true].logsumexp(0)) - own
    return (image_side.mean() + text_side.mean()) / 2


def learning_rate(step: int, steps: int, peak: float, warmup: int = 100) -> float:
    """Rises in a straight line, then falls along a cosine to a hundredth."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def logit_scale(step: int, steps: int) -> float:
    """Grows evenly in the logarithm over the first four fifths and then stays where inference has it."""
    progress = min(1.0, step / (0.8 * steps))
    return FIRST_SCALE * (LAST_SCALE / FIRST_SCALE) ** progress


def make_optimizer(model: DemoModel, heads: AttributeHeads) -> torch.optim.AdamW:
    """Weight decay on matrices only."""
    weights = [*model.parameters(), *heads.parameters()]
    groups = [{"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 0.05},
              {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)


def keep_residuals_in_bfloat16(model: DemoModel) -> None:
    """Under autocast the first addition would lift the residual stream of the vision encoder to float32: slower."""
    def to_bfloat16(module, inputs, output):
        return output.to(torch.bfloat16) if torch.is_autocast_enabled("cpu") else output

    model.vision.vision_model.pre_layrnorm.register_forward_hook(to_bfloat16)


def training_loss(model: DemoModel, heads: AttributeHeads, tokenizer: Tokenizer, pictures: Pictures,
                  scale: float | None, rng: random.Random) -> Tensor:
    """What the heads read off the vision encoder, and with a scale also contrast with captions."""
    with torch.autocast("cpu", torch.bfloat16):
        embeddings, patches = model.look(pictures.pixels)
    scenes = torch.from_numpy(pictures.scenes.astype(np.int64))
    loss = heads.fact_loss(embeddings, scenes) + heads.patch_loss(patches, pictures.objects)
    if scale is None:
        return loss
    captions = caption_pictures(pictures.scenes, rng)
    with torch.autocast("cpu", torch.bfloat16):
        texts = model.encode_texts(*encode_captions(tokenizer, captions.texts))
    images = functional.normalize(embeddings, dim=-1)
    return FACTS_WEIGHT * loss + contrastive_loss(images, texts.float(), captions, scale)


def train(model: DemoModel, tokenizer: Tokenizer, pool: PicturePool, options) -> None:
    """First the vision encoder learns to see, then both encoders learn to agree."""
    rng = random.Random(f"batches {options.seed}")
    heads = AttributeHeads(EMBEDDING_DIM, VISION["hidden_size"])
    optimizer = make_optimizer(model, heads)
    model.train()
    seeing = int(SEEING_SHARE * options.steps)
    bar = tqdm(range(options.steps), desc="training", mininterval=10)
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options.steps, options.learning_rate)
        scale = logit_scale(step - seeing, options.steps - seeing) if step >= seeing else None
        pictures = choose_pictures(pool, options.batch_size, rng)
        loss = training_loss(model, heads, tokenizer, pictures, scale, rng)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if (step + 1) % options.report_every == 0 and scale:
            tqdm.write(f"step {step + 1}: loss {loss.item():.3f}; " + short_report(model, tokenizer, options.seed))
            model.train()


def short_report(model: DemoModel, tokenizer: Tokenizer, seed: int) -> str:
    """Accuracies on few held-out pictures, in one line."""
    model.eval()
    answers = [(question.name, answer(model, tokenizer, question, seed)) for question in all_questions(150, seed + 1)]
    return ", ".join(f"{name} {accuracy:.2f}" for name, accuracy in answers)


@torch.inference_mode()
def answer(model: DemoModel, tokenizer: Tokenizer, question: Question, seed: int) -> float:
    """Accuracy of zero-shot classification with the mean of the templates' embeddings."""
    classifier = label_embeddings(model, tokenizer, question.labels, question.templates)
    views = [np.asarray(network_view(picture_of(question, index, seed), IMAGE_SIZE))
             for index in range(len(question.scenes))]
    images = torch.cat([model.encode_images(normalized_pixels(part))
                        for part in torch.from_numpy(np.stack(views)).split(250)])
    return question.accuracy((images @ classifier.T).numpy())


def label_embeddings(model: DemoModel, tokenizer: Tokenizer, labels: list[str], templates: tuple[str, ...]) -> Tensor:
    """Unit rows (labels, D): for each label the mean of its unit rows in every template."""
    texts = [template.replace("{}", label) for label in labels for template in templates]
    rows = [model.encode_texts(*encode_captions(tokenizer, texts[start:start + 600]))
            for start in range(0, len(texts), 600)]
    return functional.normalize(torch.cat(rows).view(len(labels), len(templates), -1).mean(1), dim=-1)


def held_out_table(model: DemoModel, tokenizer: Tokenizer, pictures: int, seed: int) -> list[dict]:
    """One row a question: accuracy on held-out combinations beside chance."""
    model.eval()
    return [{"question": question.name, "pictures": pictures, "accuracy": answer(model, tokenizer, question, seed),
             "chance": question.chance} for question in all_questions(pictures, seed)]


def check_published(model: DemoModel, directory: pathlib.Path, tokenizer: Tokenizer) -> float:
    """Largest difference between the trained model and the one read back from its files."""
    special = tokenizer.token_to_id(BEGIN), tokenizer.token_to_id(END)
    read_back = read_published(directory, tokenizer.get_vocab_size(), *special)
    ids, pooled = encode_captions(tokenizer, ["a red circle", "two small stars on a white background", "狗"])
    pixels = normalized_pixels(torch.randint(0, 256, (2, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=torch.uint8))
    with torch.inference_mode():
        texts = (model.encode_texts(ids, pooled) - read_back.encode_texts(ids, pooled)).abs().max()
        images = (model.encode_images(pixels) - read_back.encode_images(pixels)).abs().max()
    return max(texts.item(), images.item())


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/demo"))
    parser.add_argument("--pictures", type=int, default=50_000, help="pictures drawn for training")
    parser.add_argument("--pool", type=pathlib.Path, default=pathlib.Path("build/demo-pictures"),
                        help="where drawn pictures are kept between runs")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--report-every", type=int, default=500, help="steps between looks at held-out pictures")
    parser.add_argument("--test-pictures", type=int, default=1000, help="held-out pictures a question")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    started = time.monotonic()
    torch.manual_seed(options.seed)
    tokenizer = train_tokenizer(VOCABULARY, options.seed)
    model = DemoModel(tokenizer.get_vocab_size(), tokenizer.token_to_id(BEGIN), tokenizer.token_to_id(END))
    keep_residuals_in_bfloat16(model)
    print(f"{sum(weight.numel() for weight in model.parameters()):,} parameters, "
          f"{tokenizer.get_vocab_size()} tokens", flush=True)
    pool = picture_pool(options.pool, options.pictures, options.seed, IMAGE_SIZE)
    train(model, tokenizer, pool, options)
    write_published(model.eval(), LAST_SCALE, options.out)
    save_tokenizer(tokenizer, options.out / "text")
    print(f"read back from {options.out}: differs by {check_published(model, options.out, tokenizer):.1e}")
    rows = held_out_table(model, tokenizer, options.test_pictures, options.seed)
    seconds = round(time.monotonic() - started)
    report = {"steps": options.steps, "seed": options.seed, "training_pictures": options.pictures,
              "batch_size": options.batch_size, "seconds": seconds, "held_out": rows}
    (options.out / "held_out.json").write_text(json.dumps(report, indent=2) + "\n")
    print(format_table(rows), f"{seconds} seconds", sep="\n")


if __name__ == "__main__":
    main()
