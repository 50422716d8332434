"""Vision language models behind an OpenAI-compatible endpoint, asked which of two photos is better, or for a score."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import Photo, Scorer
from iqbench.models.adapters.answer_cache import AnswerCache
from iqbench.models.adapters.budget import Budget, Price
from iqbench.models.adapters.once import Answer, AnswersOnce
from iqbench.models.adapters.picture_file import PictureFile
from iqbench.models.adapters.pictures import KeptPicture, PictureComparer, PicturePair, shown_picture
from iqbench.models.adapters.prompt import Prompt, Shown
from iqbench.models.adapters.replies import log_odds, preference, score

if TYPE_CHECKING:
    from iqbench.models.adapters.questions import Questionnaire

PLACES = {"compare": ("first", "second"), "score": ("photo",)}
"""The places of pictures in the prompt of each mode."""

TOP_LOGPROBS = 20
"""Alternatives of each token whose probability is asked for: the most that OpenAI gives."""


class AskedModel:
    """What both modes have in common: they ask a model in words, and remember its answers."""

    ignored_settings = ("key_variable", "patience", "price", "budget", "cache")
    """The settings that no answer depends on: a run that is resumed may change them."""

    questions: "Questionnaire"

    def asking_again(self) -> AbstractContextManager[None]:
        """See `iqbench.interfaces.RemembersAnswers`."""
        return self.questions.asking_again()


@final
class VisionComparer(AskedModel, PictureComparer):
    """A vision language model that is shown two photos and says which is better.

    Args:
        questions: Asks it.
        longest_side: Longest side of a photo that it is shown, in pixels.
    """

    def __init__(self, questions: "Questionnaire", longest_side: int) -> None:
        super().__init__(longest_side)
        self.questions = questions

    def compare(self, pairs: Sequence[PicturePair]) -> Sequence[Answer]:
        """Return the margins, or the errors, of the pairs, which are asked in parallel."""
        return self.questions.numbers(pairs)


@final
class VisionScorer(AskedModel, Scorer):
    """A vision language model that is shown one photo and gives it a score from 0 to 100.

    Args:
        questions: Asks it.
        longest_side: Longest side of a photo that it is shown, in pixels.
    """

    def __init__(self, questions: "Questionnaire", longest_side: int) -> None:
        self.questions, self.longest_side = questions, longest_side
        self._pictures = PictureFile()
        self._answers = AnswersOnce[bytes]()

    def prepare(self, photo: Photo) -> UInt8[Tensor, "3 height width"]:
        """Return the picture that the model is shown, channels first."""
        return shown_picture(photo, self.longest_side)

    def encode(self, inputs: UInt8[Tensor, "n 3 height width"]) -> Float64[Tensor, "n 1"]:
        """Return the scores of the pictures, which are asked for in parallel."""
        digests = [self._pictures.put(picture) for picture in inputs.permute(0, 2, 3, 1).cpu().numpy()]
        return torch.tensor(self._answers.numbers(digests, self._scores), dtype=torch.float64)[:, None]

    def _scores(self, digests: list[bytes]) -> list[Answer]:
        return self.questions.numbers([(KeptPicture(digest, self._pictures),) for digest in digests])


def vision_language_model(
    endpoint: str,
    name: str,
    key_variable: str | None,
    mode: str,
    prompts: Mapping[str, str],
    logprobs: bool,
    picture: Mapping[str, Any],
    request: Mapping[str, Any],
    patience: Mapping[str, Any],
    price: Mapping[str, float],
    budget: float | None,
    cache: str | None,
) -> VisionComparer | VisionScorer:
    """Return a vision language model as a judge of photos. No server is contacted before the first question.

    Args:
        endpoint: The address of the server, up to ``/v1``.
        name: The name of the model there.
        key_variable: The environment variable that holds the key, None for a server without one.
        mode: ``compare`` or ``score``.
        prompts: The prompt of each mode, with ``{first}`` and ``{second}``, or ``{photo}``, where the pictures stand.
        logprobs: Whether ``compare`` takes its margins from the probabilities of the answer.
        picture: See `iqbench.models.adapters.prompt.Shown`.
        request: Further fields of each request.
        patience: See `iqbench.models.adapters.chat.Patience`.
        price: See `iqbench.models.adapters.budget.Price`.
        budget: What one start of the program may spend, None for no limit.
        cache: The folder of the answers, None to keep them only while the program runs.

    Raises:
        MissingResource: If a package is missing.
        UsageError: If a setting is out of range.
    """
    try:
        from iqbench.models.adapters.chat import Endpoint, Patience
        from iqbench.models.adapters.questions import Questionnaire
    except ImportError as error:
        raise MissingResource(
            f"model=vlm: the package {error.name} is missing; pip install 'iqbench[vlm]', offline from its wheel"
        ) from error
    if mode not in PLACES:
        raise UsageError(f"model.mode={mode}: must be compare or score")
    if logprobs and mode == "score":
        raise UsageError("model.logprobs=true: only for model.mode=compare")
    if name is None or not str(name).strip():
        raise UsageError(f"model.name={'null' if name is None else name}: must be the name of a model of the server")
    shown = Shown(**picture)
    fields = {**request, "logprobs": True, "top_logprobs": TOP_LOGPROBS} if logprobs else dict(request)
    prompt = Prompt(str(name), prompts[mode], PLACES[mode], shown, fields)
    questions = Questionnaire(
        endpoint=Endpoint(endpoint, key_variable, Patience(**patience)),
        prompt=prompt,
        reading=score if mode == "score" else log_odds if logprobs else preference,
        budget=Budget(budget, Price(**price), prompt.max_answer),
        cache=AnswerCache(Path(cache) if cache else None),
    )
    return (VisionScorer if mode == "score" else VisionComparer)(questions, shown.longest_side)
