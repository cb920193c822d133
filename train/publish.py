"""Publishing a folder on the Hugging Face Hub, with the hub's own client."""

from pathlib import Path

import httpx2  # what huggingface_hub speaks HTTP with
import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id

from htmlgen.errors import HtmlgenError, SettingsError

TOKEN_HELP = (
    "Make one with write access at https://huggingface.co/settings/tokens, then either set HF_TOKEN to it or run "
    "`hf auth login`, and repeat the command."
)


class PublishError(HtmlgenError):
    """The hub could not be reached, or refused."""

    code = "publish_failed"
    status = 502


def check_target(repo_id: str, *, token: str | None = None) -> str:
    """The token to push with. Cheap, so that a long merge does not end in a missing token.

    Raises:
        SettingsError: there is no token, or `repo_id` is not USER/NAME.
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise SettingsError(f"--push {repo_id}: {error}") from error
    if "/" not in repo_id:
        raise SettingsError(f"--push {repo_id}: say whose it is, as in --push your-name/{repo_id}.")
    found = token or huggingface_hub.get_token()
    if found is None:
        raise SettingsError(
            f"--push {repo_id} needs a Hugging Face token and there is none on this machine. {TOKEN_HELP}"
        )
    return found


def push(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool = False,
    message: str = "Upload model",
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Uploads a folder's files as one commit, the repository made if need be; returns the commit's address.

    Args:
        repo_id: USER/NAME or ORGANISATION/NAME.
        private: for a new repository; one that exists keeps what it is.
        endpoint: another hub than HF_ENDPOINT or the public one.

    Raises:
        SettingsError: there is no token, or the name cannot be one.
        PublishError: the hub refused or cannot be reached; the message says which and what to do.
    """
    token = check_target(repo_id, token=token)
    api = huggingface_hub.HfApi(endpoint=endpoint, token=token)
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repo_id, folder_path=str(folder), commit_message=message)
    except HfHubHTTPError as error:
        raise PublishError(_refusal(repo_id, error)) from error
    except OfflineModeIsEnabled as error:
        raise PublishError(
            f"Nothing was pushed to {repo_id}: HF_HUB_OFFLINE is set. Unset it and try again."
        ) from error
    except (httpx2.TransportError, OSError) as error:
        raise PublishError(
            f"Nothing was pushed to {repo_id}: {api.endpoint} cannot be reached ({error}). The files are safe in {folder}; "
            "check the network and run the command again."
        ) from error
    return str(commit.commit_url)


def _refusal(repo_id: str, error: HfHubHTTPError) -> str:
    status = error.response.status_code if error.response is not None else None
    said = (error.server_message or str(error)).strip().splitlines()[0]
    if status == 401:
        return f"The hub does not know this token, so nothing was pushed to {repo_id} ({said}). {TOKEN_HELP}"
    if status == 403:
        return f"This token may not write to {repo_id} ({said}). Use a token with write access to it, or push under your own name."
    return f"The hub refused the upload to {repo_id} with status {status}: {said}"
