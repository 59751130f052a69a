"""Tiny sentence-transformers models with random weights, in the folder layout that the library itself writes."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

WORDS = (
    "a an the of on in is are child sick ill boy doctor physician treats looks after shares company oil fell monday "
    "hello world red blue green circle square bird sings night query passage : . , ?"
).split()
PROMPTS = {"query": "query : ", "document": "passage : "}


@cache
def folder(*, prompts: bool = True, tokens: int = 32) -> Path:
    """A BERT of two layers with mean pooling and unit length; made once a process.

    Args:
        prompts: whether it has prompts of its own for queries and documents.
        tokens: the longest text it takes.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel

    torch.set_num_threads(1)
    torch.manual_seed(3)
    bare = Path(tempfile.mkdtemp(prefix="vagent-bert-"))
    tokenizer = _tokenizer(tokens)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=tokens,
        initializer_range=0.4,  # wide, so that random weights tell texts apart
    )
    BertModel(config).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    module = Transformer(str(bare), max_seq_length=tokens)
    model = SentenceTransformer(
        modules=[module, Pooling(module.get_embedding_dimension(), "mean"), Normalize()],
        device="cpu",
        prompts=PROMPTS if prompts else None,
    )
    made = bare / "sentence"
    model.save_pretrained(str(made), create_model_card=False)
    return made


def _tokenizer(tokens: int):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    pieces = dict.fromkeys([*special, *WORDS, *letters, *(f"##{c}" for c in letters)])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=tokens,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
