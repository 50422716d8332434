import hashlib
import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from fixtures.photos import noisy_gradient
from iqbench.degradations import randomness
from iqbench.degradations.bands import PIXELS, bands, by_bands, eight_bit
from iqbench.degradations.noise import noise
from iqbench.degradations.randomness import normal, random_bits, uniform

FIRST = [-0.18928586, -0.17124780, -2.17354417, -0.48260072]
"""The first numbers of a black photo of 32 x 32 px: the same on every machine and in every version of NumPy."""


def test_the_numbers_of_a_photo_are_written_down_here() -> None:
    black = np.zeros((32, 32, 3), np.uint8)
    numbers = normal(random_bits(black, "noise"), (4,)).tolist()
    assert numbers == pytest.approx(FIRST, abs=1e-7)
    # The same by hand: the seed is half of a hash, and 64 raw bits are four quantiles.
    seed = int(hashlib.sha256(b"noise 32 32 " + bytes(32 * 32 * 3)).hexdigest()[:32], 16)
    four = int(np.random.PCG64(seed).random_raw())
    quantiles = [((four >> 16 * place) % 2**16 + 0.5) / 2**16 for place in range(4)]
    assert numbers == pytest.approx([NormalDist().inv_cdf(quantile) for quantile in quantiles], abs=1e-6)


@pytest.mark.slow
def test_another_process_draws_the_same_numbers() -> None:
    program = (
        "import numpy as np; from iqbench.degradations.noise import noise; import hashlib;"
        "print(hashlib.sha256(noise(np.full((40, 50, 3), 90, np.uint8), 20).tobytes()).hexdigest())"
    )
    here = noise(np.full((40, 50, 3), 90, np.uint8), 20)
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == hashlib.sha256(here.tobytes()).hexdigest()


def test_numbers_are_normal() -> None:
    numbers = normal(random_bits(noisy_gradient(40, 40), "noise"), (200_000,))
    assert stats.kstest(numbers, "norm").pvalue > 0.01
    assert np.abs(numbers).max() < 4.4


def test_numbers_do_not_repeat_in_neighbours() -> None:
    numbers = normal(random_bits(noisy_gradient(40, 40), "noise"), (400, 500))
    for step in (1, 2, 4, 500):
        pairs = np.corrcoef(numbers.ravel()[:-step], numbers.ravel()[step:])
        assert abs(pairs[0, 1]) < 0.01


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 4097])
def test_any_number_of_numbers_can_be_drawn(count: int) -> None:
    assert normal(random_bits(noisy_gradient(40, 40), "noise"), (count,)).shape == (count,)


def test_another_photo_another_size_and_another_name_have_other_numbers() -> None:
    photo = noisy_gradient(64, 48)
    changed = photo.copy()
    changed[0, 0, 0] ^= 1
    seeds = [random_bits(photo, "noise"), random_bits(changed, "noise"), random_bits(photo, "denoise")]
    black = [random_bits(np.zeros((height, width, 3), np.uint8), "noise") for height, width in ((32, 64), (64, 32))]
    assert len({int(bits.random_raw()) for bits in seeds + black}) == 5


def test_uniform_numbers_lie_from_0_to_1() -> None:
    bits = random_bits(noisy_gradient(40, 40), "angle")
    numbers = [uniform(bits) for _ in range(2000)]
    assert stats.kstest(numbers, "uniform").pvalue > 0.01
    assert 0 <= min(numbers) <= max(numbers) < 1


def test_a_seed_reads_only_a_grid_of_a_large_photo() -> None:
    large = np.zeros((1280, 2560, 3), np.uint8)
    large[1:, 1:] = 7  # between the grid's first row and column and the next
    assert randomness.GRID == 128
    same = large.copy()
    same[1, 1] = 9  # the grid takes every tenth row and every twentieth column
    assert random_bits(large, "x").random_raw() == random_bits(same, "x").random_raw()


@pytest.mark.parametrize("size", [(1, 32), (33, 32), (32, PIXELS + 7), (PIXELS // 32 * 2 + 1, 32)])
def test_bands_cover_each_row_once(size: tuple[int, int]) -> None:
    photo = np.zeros((*size, 3), np.uint8)
    rows = [row for band in bands(photo) for row in range(band.start, band.stop)]
    assert rows == list(range(size[0]))
    assert np.array_equal(by_bands(photo, lambda band, rows: band + 1), photo + 1)


def test_halves_are_rounded_to_even_and_what_is_out_of_range_is_clipped() -> None:
    assert eight_bit(np.array([-3.0, 0.5, 1.5, 254.6, 300.0])).tolist() == [0, 0, 2, 255, 255]
