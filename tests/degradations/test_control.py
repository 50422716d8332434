import io

import numpy as np
from PIL import Image

from iqbench.degradations.control import controls
from iqbench.interfaces import Photo


def test_the_controls_are_a_copy_and_a_jpeg_of_quality_95(photo: Photo) -> None:
    identity, reencode = controls()
    assert (identity.key, reencode.key) == ("control/identity", "control/reencode")
    assert {identity.group, reencode.group, identity.type, reencode.type} == {"control"}
    same = identity.apply(photo)
    assert np.array_equal(same, photo)
    assert not np.shares_memory(same, photo)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=95, subsampling=2)
    assert np.array_equal(reencode.apply(photo), np.asarray(Image.open(file)))


def test_the_controls_are_no_ladder_of_each_other() -> None:
    assert {variant.ladder: variant.severity for variant in controls()} == {
        "control/identity": 1,
        "control/reencode": 1,
    }
