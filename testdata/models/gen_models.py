#!/usr/bin/env python3
"""Makes the small models that the documentation shows: with the safetensors and
gguf packages, seeded. gen_models.py"""
import json
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as Q
from gguf import GGUFWriter
from gguf.quants import quantize
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(20261121)


def normal(*shape, dtype=np.float32):
    return (rng.standard_normal(shape) * 0.02).astype(dtype)


layers = {}
for i in range(2):
    layers[f"model.layers.{i}.self_attn.q_proj.weight"] = normal(64, 64, dtype=np.float16)
    layers[f"model.layers.{i}.mlp.down_proj.weight"] = normal(64, 96, dtype=np.float16)
    layers[f"model.layers.{i}.input_layernorm.weight"] = np.ones(64, np.float32) + normal(64)
embed = {"model.embed_tokens.weight": normal(50, 64, dtype=np.float16)}
save_file(embed | layers, here / "tiny.safetensors", {"format": "pt"})
names = list(layers)
parts = {"model-00001-of-00002.safetensors": embed | {k: layers[k] for k in names[:3]}, "model-00002-of-00002.safetensors": {k: layers[k] for k in names[3:]}}
for file, tensors in parts.items():
    save_file(tensors, here / file, {"format": "pt"})
total = sum(t.nbytes for p in parts.values() for t in p.values())
index = {"metadata": {"total_size": total}, "weight_map": {k: file for file, p in parts.items() for k in p}}
(here / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")

w = GGUFWriter(here / "tiny.gguf", "llama")
w.add_name("tiny")
w.add_context_length(2048)
w.add_embedding_length(256)
w.add_block_count(1)
w.add_rope_freq_base(10000.0)
w.add_tokenizer_model("gpt2")
tokens = [f"<{i}>" if i < 3 else chr(0x61 + i % 26) * (1 + i // 26) for i in range(2000)]
w.add_token_list(tokens)
w.add_token_scores([-float(i) for i in range(2000)])
w.add_bos_token_id(1)
w.add_tensor("token_embd.weight", quantize(normal(16, 256), Q.Q8_0), raw_dtype=Q.Q8_0)
w.add_tensor("blk.0.attn_q.weight", np.frombuffer(rng.bytes(16 * 144), np.uint8).reshape(16, 144), raw_dtype=Q.Q4_K)
w.add_tensor("blk.0.ffn_down.weight", normal(16, 256, dtype=np.float16))
w.add_tensor("output_norm.weight", np.ones(256, np.float32))
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
