"""Pictures that nobody is paid for, as this computer makes them: no journal and no ledger.

What breaks off is a plain failure that may be tried again, since nothing can be lost by that.
"""

from __future__ import annotations

from fluxlora_desktop.domain.errors import AppError, EngineStopped, OutcomeUnknown
from fluxlora_desktop.domain.pictures import GeneratedImage, Picture, PictureRequest
from fluxlora_desktop.domain.ports import ImageGenerator, JobContext, StepsDone
from fluxlora_desktop.workflows.events import PictureAdvanced


class _Telling:
    """A context for one picture: what is told of steps names the picture."""

    def __init__(self, context: JobContext, picture: Picture) -> None:
        self._context, self._ids = context, (picture.id, picture.order_id)
        self.check, self.pause = context.check, context.pause

    def report(self, event: object) -> None:
        """Tell the owner something; a frozen value."""
        named = PictureAdvanced(*self._ids, event) if isinstance(event, StepsDone) else event
        self._context.report(named)


def telling(ctx: JobContext, picture: Picture) -> JobContext:
    """Return a context in which `StepsDone` are told as those of a picture."""
    return _Telling(ctx, picture)


def made_free(
    generator: ImageGenerator, request: PictureRequest, ctx: JobContext
) -> GeneratedImage:
    """Return a picture of a model that is free; raises what keeps it from being made.

    Such a model never leaves anybody in doubt about money, whatever its generator raises.
    """
    try:
        return generator.generate(request, ctx)
    except OutcomeUnknown as error:
        raise EngineStopped(error.detail) from error


def ends_order(error: AppError) -> bool:
    """Tell whether the next picture of an order would meet the same trouble.

    A program that ended in the middle is started anew for the next one, but not again and again.
    """
    return not isinstance(error, EngineStopped) or error.lasting
