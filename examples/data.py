"""Data as you have them, plugged in: each function returns samples for ``stress.run``."""

import stress


def folder_of_classes(path):
    """A folder for each class, as ``bright/01.png``."""
    return stress.data.folder(path)


def patterns(path):
    """Files that patterns name, by label."""
    return stress.data.globs({"dark": f"{path}/dark/*.png", "bright": f"{path}/bright/*.png"})


def data_frame(table, path):
    """A data frame with column names of its own; samples of one site are alike."""
    columns = {"image": "file", "label": "kind", "cluster:site": "site"}
    return stress.data.frame(table, columns, folder=path)


def arrays(images, labels):
    """Numbers from 0 to 1, channels first, and positions of classes."""
    how = {"range": (0, 1), "layout": "channels_first"}
    return stress.data.numpy(images, labels, classes=["dark", "bright"], **how)


def torch_dataset(dataset):
    """Pairs of a torch ``Dataset``."""
    return stress.data.torch(dataset, range=(0, 1), layout="channels_first", classes=["dark", "bright"])


def hub_dataset(dataset):
    """A data set of Hugging Face, local: it says which columns are pictures, and what the labels mean."""
    return stress.data.huggingface(dataset)


def archives(pattern):
    """WebDataset archives."""
    return stress.data.webdataset(pattern, classes=["dark", "bright"])


def dataset_of_maite(dataset):
    """An image classification data set of MAITE's protocol."""
    return stress.data.maite(dataset, range=(0, 1), groups=["site"])
