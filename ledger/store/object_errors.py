"""What the text of an object store's error shows of its cause, and what to do about it.

Rules:
- obstore has few classes of errors, and tells apart neither a refused key from a missing right nor a missing bucket
  from a missing object; so causes are told by the text, the first that fits.
- Of a text that fits nothing the first line is quoted, without the query of a request, which may hold a token.
"""

import re
from typing import Final

_CREDENTIALS: Final = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where there is one, AWS_SESSION_TOKEN",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
NO_BUCKET: Final = re.compile(r"NoSuchBucket|ContainerNotFound|specified bucket does not exist")
_CAUSES: Final = (
    (
        re.compile(r"169\.254\.169\.254|metadata\.google|latest/api/token|latest/meta-data"),
        "no credentials were found: set {keys}",
    ),
    (NO_BUCKET, "the bucket does not exist: create it, or choose another place with --ledger"),
    (
        re.compile(
            r"InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired"
            r"|AuthenticationFailed|InvalidAuthenticationInfo|status code: 401"
        ),
        "the credentials were refused{code}: set {keys}",
    ),
    (re.compile(r"RequestTimeTooSkewed"), "the clock of this machine is wrong: set it"),
    (
        re.compile(r"PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|Received redirect"),
        "the bucket is in another region{code}: set AWS_REGION",
    ),
    (
        re.compile(r"<Code>NotImplemented|status code: 501"),
        "it cannot put an object only where there is none (If-None-Match), which a ledger needs: choose another store",
    ),
    (
        re.compile(r"status code: 403|code: AccessDenied"),
        "permission is denied{code}: let these credentials list, read and write there and, to compact, remove",
    ),
    (re.compile(r"SlowDown|status code: (?:429|503)"), "the store asks to slow down: run it again later"),
    (re.compile(r"status code: 5\d\d"), "the store has an error of its own{code}: run it again later"),
    (
        re.compile(r"InvalidCertificate|UnknownIssuer"),
        "its certificate is not trusted: set SSL_CERT_FILE to a file with that of the authority",
    ),
    (re.compile(r"kind: Timeout|TimedOut|timed out"), "it did not answer in time: check the network{endpoint}"),
    (
        re.compile(r"kind: Connect|error sending request|dns error"),
        "it cannot be reached: check the network{endpoint}",
    ),
    (re.compile(r"object with invalid path"), "an object below it has a name that no ledger makes: remove the object"),
    (re.compile(r"builder error"), "its address is not https://: set AWS_ALLOW_HTTP=true if that is on purpose"),
)
_CODE: Final = re.compile(r"(?:<Code>|\(code: )(\w{1,60})")


def advice(text: str, *, scheme: str, endpoint: str) -> str:
    """Return what went wrong and what to do, from the text of an error.

    Args:
        text: The text.
        scheme: Scheme of the store's URI: ``s3``, ``gs`` or ``az``.
        endpoint: The variable that says where requests go, and its value; empty where none does.
    """
    code = _CODE.search(text)
    for pattern, told in _CAUSES:
        if pattern.search(text):
            return told.format(
                code=f" ({code[1]})" if code else "",
                keys=_CREDENTIALS[scheme],
                endpoint=f" and {endpoint}" if endpoint else "",
            )
    return re.sub(r"\?\S*", "", text.partition("\n")[0])[:200]
