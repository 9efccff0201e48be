"""Models as you have them, plugged in: each function returns an ordinary ``predict`` for ``stress.run``."""

import stress
from stress.models import Pixels, Texts


def torch_module(network):
    """A torch network: say how a picture becomes its input, and what stands for a lost one."""
    streams = {"image": Pixels(size=8, mean=0.5, std=0.5)}
    return stress.models.torch(network, streams, missing="mean", classes=["dark", "bright"])


def onnx_file(path):
    """An ONNX file: the same; its names, shapes and types are compared before any call."""
    streams = {"image": Pixels(size=8)}
    return stress.models.onnx(path, streams, missing="zeros", classes=["dark", "bright"])


def estimator_of_pictures(fitted):
    """A fitted estimator of scikit-learn: a row of numbers a picture; it knows its classes."""
    streams = {"image": Pixels(size=8, channels="grey", layout="flat")}
    return stress.models.sklearn(fitted, streams, missing="mean")


def pipeline_of_texts(fitted):
    """A pipeline that begins with a vectoriser takes the text as it is."""
    return stress.models.sklearn(fitted, {"text": Texts()}, missing=("fixed", ""))


def checkpoint(folder):
    """A local folder of transformers: its own processor, its own classes."""
    return stress.models.hf(folder, missing="mean")


def model_of_maite(model):
    """A classifier of MAITE's protocol, as nrtk's users have: it knows its classes, not what black and white are."""
    return stress.models.maite(model, {"image": Pixels(range=(0, 1))}, missing="refuse")


def prediction_route(url):
    """A route that takes instances and answers predictions, as TensorFlow Serving and KServe do."""
    return stress.models.json(url, classes=["dark", "bright"], at_once=8)


def chat_model(url):
    """A chat model behind a URL: a prompt, and how what it writes is read."""
    prompt, classes = "Is this dark or bright? Answer with one word.", ["dark", "bright"]
    return stress.models.openai("tiny-vl", url, prompt=prompt, classes=classes, parse="labels")


def within_a_budget(url, data, out):
    """The same within a budget of calls: a complete grid over as many samples as it is enough for."""
    model = chat_model(url)
    return stress.run(model, data, "quick", out, max_calls=100, only=["gaussian-noise"])
