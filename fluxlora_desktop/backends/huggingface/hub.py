"""Publishing at Hugging Face: one repo for a Lora, one commit with everything in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import (
    CommitOperation,
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    set_client_factory,
)

from fluxlora_desktop import __version__
from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.huggingface.card import (
    WEIGHTS_NAME,
    picture_name,
    render_card,
    render_licence,
    render_notice,
    run_mark_comment,
)
from fluxlora_desktop.backends.huggingface.errors import SERVICE, hub_errors
from fluxlora_desktop.backends.huggingface.fetching import RepoAddress, fetch_weights
from fluxlora_desktop.backends.huggingface.session import DELIVERY_HOSTS, name_hub, new_session
from fluxlora_desktop.backends.huggingface.snapshot import RepoSnapshot, snapshot_of
from fluxlora_desktop.backends.huggingface.upload import CountingFile
from fluxlora_desktop.backends.huggingface.wire import parse_account
from fluxlora_desktop.domain.errors import (
    NameTaken,
    NotFoundAtService,
    ServiceBusy,
    ServiceInterrupted,
    StorageError,
    TokenMissing,
    UnexpectedReply,
)
from fluxlora_desktop.domain.loras import (
    HubAccount,
    HubStatus,
    PublicationBundle,
    PublishedCommit,
)
from fluxlora_desktop.domain.ports import FetchedWeights, JobContext, Waiting
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import Visibility

_CARD = "README.md"
_CARD_LIMIT = 1_000_000
_SHORT_WAIT_S = 60.0


set_client_factory(new_session)
# Their warnings and debug lines hold addresses with signatures.
for _logger in ("huggingface_hub", "httpx2", "httpcore2"):
    logging.getLogger(_logger).setLevel(logging.ERROR)


class HuggingFaceHub:
    """The hub at `address`, with the token that `token()` returns at each call."""

    key = SERVICE
    title = "Hugging Face"

    def __init__(self, *, address: str, token: Callable[[], Secret | None]) -> None:
        self._address = address.rstrip("/")
        self._token = token
        name_hub(self._address)
        self._api = HfApi(
            endpoint=self._address,
            token=False,
            library_name="fluxlora-desktop",
            library_version=__version__,
        )
        self._files = ServiceClient(
            endpoint=Endpoint(
                service=SERVICE,
                base_url=self._address,
                token=token,
                delivery_hosts=DELIVERY_HOSTS,
            )
        )

    def whoami(self) -> HubAccount:
        """Return whose token it is and what it may do."""
        with hub_errors("whoami"):
            reply = self._api.whoami(token=self._revealed())
        return parse_account(SERVICE, reply)

    def publish(self, bundle: PublicationBundle, ctx: JobContext) -> PublishedCommit:
        """Make the repo if needed and send everything as one commit, reporting `Transferred`.

        A commit whose answer got lost is looked for, and sent again only when it is not there:
        the same bytes make the same repo. Raises `ServiceRefused` for a repo that holds something
        else, `StorageError` when the weights are not what the bundle says.
        """
        held = self._opened_repo(bundle, ctx)
        if bundle.visibility is Visibility.PRIVATE:
            self._ensure_visibility(held, bundle.visibility)
        small = _small_files(bundle)
        commit = held.commit
        if not _holds_all(held, bundle, small):
            commit = self._committed(bundle, small, held, ctx)
        if bundle.visibility is Visibility.PUBLIC:
            self._ensure_visibility(held, bundle.visibility)
        return self._commit_of(bundle, commit)

    def _commit_of(self, bundle: PublicationBundle, commit: str) -> PublishedCommit:
        return PublishedCommit(
            repo=bundle.repo,
            commit=commit,
            page=f"{self._address}/{bundle.repo}",
            address=f"{self._address}/{bundle.repo}/resolve/main/{WEIGHTS_NAME}",
            visibility=bundle.visibility,
        )

    def make_repo(self, bundle: PublicationBundle) -> None:
        """Make the repo, as visible as the bundle says; silent when it is there."""
        with hub_errors("create repo"):
            self._api.create_repo(
                bundle.repo,
                private=bundle.visibility is Visibility.PRIVATE,
                exist_ok=True,
                token=self._revealed(),
            )

    def published(self, bundle: PublicationBundle) -> PublishedCommit | None:
        """Return the commit when the repo holds just the bundle, as visible as it says."""
        try:
            held = self._snapshot(bundle.repo)
        except NotFoundAtService:
            return None
        if held.visibility is not bundle.visibility:
            return None
        if not _holds_all(held, bundle, _small_files(bundle)):
            return None
        return self._commit_of(bundle, held.commit)

    def status(self, repo: str) -> HubStatus:
        """Return what the hub holds under owner/name; a repo nobody may see does not exist."""
        try:
            return self._snapshot(repo).status()
        except NotFoundAtService:
            return HubStatus(exists=False)

    def set_visibility(self, repo: str, visibility: Visibility) -> None:
        """Make a repo public or private."""
        private = visibility is Visibility.PRIVATE
        with hub_errors("settings"):
            self._api.update_repo_settings(repo, private=private, token=self._revealed())

    def fetch(self, repo: str, folder: Path, ctx: JobContext) -> FetchedWeights:
        """Bring the weights of any repo into `folder`, compared by SHA-256.

        `repo` is owner/name or an address of the repo or of one file in it. Raises
        `ServiceRefused` when it is not clear which file is meant.
        """
        wanted = RepoAddress.parse(repo, self._address)
        held = self._snapshot(wanted.repo)
        return fetch_weights(held, wanted, self._address, self._files, folder, ctx)

    def delete(self, repo: str) -> None:
        """Delete a repo; silent when it is gone."""
        with hub_errors("delete"):
            self._api.delete_repo(repo, missing_ok=True, token=self._revealed())

    def _revealed(self) -> str:
        secret = self._token()
        if not secret:
            raise TokenMissing(SERVICE)
        return secret.reveal()

    def _snapshot(self, repo: str) -> RepoSnapshot:
        with hub_errors("repo"):
            info = self._api.model_info(repo, files_metadata=True, token=self._revealed())
        return snapshot_of(info)

    def _opened_repo(self, bundle: PublicationBundle, ctx: JobContext) -> RepoSnapshot:
        """Return the repo as it stands, made if it was not there, refused if it is not ours."""
        try:
            held = self._snapshot(bundle.repo)
        except NotFoundAtService:
            self.make_repo(bundle)
            held = self._snapshot(bundle.repo)
        if not held.empty and not self._is_ours(held, bundle.run_mark, ctx):
            raise NameTaken(
                SERVICE,
                f"{bundle.repo} holds something else already. Choose another name.",
                status=409,
            )
        return held

    def _is_ours(self, held: RepoSnapshot, mark: str, ctx: JobContext) -> bool:
        card = held.file(_CARD)
        if card is None or card.size > _CARD_LIMIT:
            return False
        url = f"{self._address}/{held.repo}/resolve/{held.commit}/{_CARD}"
        text = self._files.read(url, limit=_CARD_LIMIT, ctx=ctx).data
        return run_mark_comment(mark).encode() in text

    def _ensure_visibility(self, held: RepoSnapshot, wanted: Visibility) -> None:
        if held.visibility is not wanted:
            self.set_visibility(held.repo, wanted)

    def _committed(
        self,
        bundle: PublicationBundle,
        small: dict[str, bytes],
        held: RepoSnapshot,
        ctx: JobContext,
    ) -> str:
        try:
            return self._commit(bundle, small, held, ctx)
        except (ServiceInterrupted, ServiceBusy, UnexpectedReply) as error:
            ctx.check()
            if isinstance(error, ServiceBusy):
                if error.retry_after > _SHORT_WAIT_S:
                    raise
                ctx.report(Waiting(SERVICE, error.retry_after))
                ctx.pause(error.retry_after)
            now = self._snapshot(bundle.repo)
            if _holds_all(now, bundle, small):
                return now.commit
            if now.commit != held.commit:
                raise
            return self._commit(bundle, small, now, ctx)

    def _commit(
        self,
        bundle: PublicationBundle,
        small: dict[str, bytes],
        held: RepoSnapshot,
        ctx: JobContext,
    ) -> str:
        """Send the files as one commit on top of what is held; return its id."""
        with _opened(Path(bundle.weights), ctx) as weights, hub_errors("commit"):
            lora = CommitOperationAdd(WEIGHTS_NAME, weights)
            if lora.upload_info.sha256.hex() != bundle.weights_sha256:
                raise StorageError(bundle.weights, "the weights changed since they were checked")
            weights.start_sending()
            operations: list[CommitOperation] = [lora]
            operations += [CommitOperationAdd(path, data) for path, data in small.items()]
            operations += [CommitOperationDelete(path) for path in _leftovers(held, small)]
            info = self._api.create_commit(
                bundle.repo,
                operations,
                commit_message=f"Publish {bundle.card.title}",
                parent_commit=held.commit or None,
                token=self._revealed(),
            )
            weights.finish()
        return info.oid


def _opened(path: Path, ctx: JobContext) -> CountingFile:
    try:
        return CountingFile(path, ctx)
    except OSError as error:
        raise StorageError(path, error.strerror or "") from error


def _small_files(bundle: PublicationBundle) -> dict[str, bytes]:
    """Return everything but the weights, by its path in the repo."""
    card = render_card(bundle.card, bundle.pictures, bundle.run_mark, repo=bundle.repo)
    files = {
        _CARD: card.encode(),
        "LICENSE.md": render_licence(bundle.card.base).encode(),
        "NOTICE": render_notice(bundle.card.base).encode(),
    }
    for index, picture in enumerate(bundle.pictures, 1):
        files[picture_name(index, picture)] = picture.path.read_bytes()
    return files


def _holds_all(held: RepoSnapshot, bundle: PublicationBundle, small: dict[str, bytes]) -> bool:
    weights = held.file(WEIGHTS_NAME)
    if weights is None or weights.sha256 != bundle.weights_sha256 or _leftovers(held, small):
        return False
    found = {path: held.file(path) for path in small}
    return all(file is not None and file.holds(small[path]) for path, file in found.items())


def _leftovers(held: RepoSnapshot, small: dict[str, bytes]) -> list[str]:
    """Return the pictures of an earlier card that this one does not show."""
    return [
        file.path
        for file in held.files
        if file.path.startswith("images/") and file.path not in small
    ]
