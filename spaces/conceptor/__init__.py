"""Conceptor: what this method says about itself. Pure data, read without importing its code."""

from __future__ import annotations

from core.registry import HubModel, MethodSpec, Paper, Tier

SPEC = MethodSpec(
    slug="conceptor",
    title="Conceptor",
    summary="Takes a word apart into the words that a text-to-image model thinks of when it draws it.",
    paper=Paper(
        title="The Hidden Language of Diffusion Models",
        authors="Hila Chefer, Oran Lang, Mor Geva, Volodymyr Polosukhin, Assaf Shocher, "
        "Michal Irani, Inbar Mosseri, Lior Wolf",
        venue="ICLR",
        year=2024,
        arxiv="2306.00966",
    ),
    tasks=("interpretability", "text to image", "diffusion", "bias", "concepts"),
    tiers=(
        Tier(
            name="embedded",
            title="Small world, in the repository",
            licence="Apache-2.0",
            note="A text-to-image model of 64 x 64 pictures that our own recipe trained on drawn "
            "scenes, its text tower taught to read sums of words. What its planted words mean is known. Runs on any CPU.",
        ),
        Tier(
            name="full",
            title="Stable Diffusion 1.5",
            licence="CreativeML OpenRAIL-M, as stated on its page",
            models=(
                HubModel(
                    repo_id="stable-diffusion-v1-5/stable-diffusion-v1-5",
                    revision="451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
                    files=(
                        "scheduler/scheduler_config.json",
                        "unet/config.json",
                        "unet/diffusion_pytorch_model.fp16.safetensors",
                        "vae/config.json",
                        "vae/diffusion_pytorch_model.fp16.safetensors",
                        "text_encoder/config.json",
                        "text_encoder/model.fp16.safetensors",
                        "tokenizer/vocab.json",
                        "tokenizer/merges.txt",
                        "tokenizer/special_tokens_map.json",
                        "tokenizer/tokenizer_config.json",
                    ),
                ),
                HubModel(
                    repo_id="openai/clip-vit-base-patch32",
                    revision="c237dc49a33fc61debc9276459120b7eac67e7ef",
                    files=(
                        "config.json",
                        "model.safetensors",
                        "tokenizer_config.json",
                        "vocab.json",
                        "merges.txt",
                        "special_tokens_map.json",
                    ),
                ),
            ),
            size_bytes=1_719_125_304 + 246_144_864 + 167_335_342 + 605_000_000,
            min_device_bytes=16 * 2**30,
            min_ram_bytes=8 * 2**30,
            note="Any word, over a vocabulary of 49 thousand tokens. Stable Diffusion 1.4 and XL go "
            "through the same code and can be chosen on the page.",
        ),
    ),
    colour="#2f6f8f",
    emoji="🧩",
    heavy=True,
    shared_weights=("core/world/weights/text_to_image", "spaces/conceptor/weights"),
    first_example_seconds=10.0,
    order=30,
)
