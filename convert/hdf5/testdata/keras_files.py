"""Weight files that Keras itself writes, small ones. Keras is no part of the
tests' environment; these were made in a virtual environment of their own with

    pip install keras==3.15.1 h5py==3.16.0 numpy==2.4.6 scipy==1.17.1 jax==0.10.2
    python keras_files.py DIR [SEED]

and hdf5_files.py, run afterwards, says what is in them. DIR/keras.json has the
weights as Keras gives them, by layer and in its order. "make interop-full" makes
others with a seed."""

import hashlib
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "numpy"
import keras
import numpy as np


def model():
    inputs = keras.Input((8, 8, 1), name="picture")
    x = keras.layers.Conv2D(3, 3, activation="relu", name="edges")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(4, name="hidden")(x)
    outputs = keras.layers.Dense(2, activation="softmax", use_bias=False, name="classes")(x)
    m = keras.Model(inputs, outputs, name="small")
    r = np.random.default_rng(seed)
    m.set_weights([r.normal(size=w.shape).astype("float32") for w in m.get_weights()])
    return m


folder = sys.argv[1]
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 7
m = model()
m.compile(optimizer="adam", loss="mse")
m.save_weights(os.path.join(folder, "keras.weights.h5"))
m.save(os.path.join(folder, "keras_model.h5"))
recurrent = keras.Sequential([keras.Input((5,)), keras.layers.Embedding(7, 3, name="words"), keras.layers.GRU(2, name="gru")], name="recurrent")
r = np.random.default_rng(seed + 1)
recurrent.set_weights([r.normal(size=w.shape).astype("float32") for w in recurrent.get_weights()])
recurrent.save_weights(os.path.join(folder, "keras_recurrent.weights.h5"))
with open(os.path.join(folder, "keras.json"), "w") as f:
    weights = {n: [{"dtype": str(w.dtype), "shape": list(w.shape), "sha256": hashlib.sha256(np.ascontiguousarray(w).tobytes()).hexdigest()} for layer in x.layers for w in layer.get_weights()] for n, x in (("keras.weights.h5", m), ("keras_model.h5", m), ("keras_recurrent.weights.h5", recurrent))}
    json.dump({"keras": keras.__version__, "weights": weights}, f, indent=1)
    f.write("\n")
