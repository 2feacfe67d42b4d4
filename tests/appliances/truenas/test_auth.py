"""What is said to TrueNAS to log in, in which case, and what of its answers is believed.

The other end is played here, since no honest appliance does what most of these do; over sockets, against the simulator,
logins are tested by `test_login` and `test_connection`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from holdfast.appliances.truenas.auth import AuthManager, StandbyError
from holdfast.appliances.truenas.pace import LOGINS, WINDOW_S
from holdfast.appliances.truenas.scram import MAX_ITERATIONS, MIN_ITERATIONS, ScramLogin
from holdfast.errors import (
    AuthenticationError,
    ConfigError,
    HoldfastError,
    PermissionDeniedError,
    ProtocolError,
    QuarantinedError,
    UnavailableError,
    UnsupportedError,
)
from holdfast.resilience import Clock
from holdfast.transport.values import JsonObject, JsonValue

RAW = "7-" + "s" * 64
KEY: dict[str, object] = {"api_key": RAW, "username": "mcp"}
KEY_ALONE: dict[str, object] = {"api_key": RAW}
PAIR: dict[str, object] = {"username": "mcp", "password": "a-password"}
OPERATE: dict[str, object] = {"mode": "operate"}
SUCCESS: JsonObject = {"response_type": "SUCCESS", "user_info": {"pw_name": "mcp"}}
SALT = base64.b64encode(b"salt-of-16-bytes").decode()
LOGIN = "auth.login_ex"
CHOICES = "auth.mechanism_choices"
BY_KEY = "auth.login_with_api_key"
READ_ONLY = "privilege.become_readonly"


class Appliance:
    """Answers methods as told; an error is raised.

    Attributes:
        said: What was called, with what.
    """

    def __init__(self, answers: Mapping[str, object]) -> None:
        self._answers = dict(answers)
        self.said: list[tuple[str, list[JsonValue]]] = []

    async def __call__(self, method: str, params: Sequence[JsonValue]) -> JsonValue:
        self.said.append((method, list(params)))
        answer = self._answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]  # JSON, by the tests

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.said]


class Scram(Appliance):
    """Knows SCRAM, and the key or another one.

    Attributes:
        ends: What the final answer says it is.
    """

    def __init__(self, secret: str = "s" * 64, ends: str = "SCRAM_RESPONSE", first: str = "SCRAM_RESPONSE") -> None:
        super().__init__({CHOICES: ["API_KEY_PLAIN", "SCRAM"], READ_ONLY: None})
        self._secret, self._ends, self._opens = secret, ends, first
        self._first = self._challenge = ""

    async def __call__(self, method: str, params: Sequence[JsonValue]) -> JsonValue:
        if method != LOGIN:
            return await super().__call__(method, params)
        self.said.append((method, list(params)))
        [message] = params
        assert isinstance(message, dict)
        text = str(message["rfc_str"])
        if message["scram_type"] == "CLIENT_FIRST_MESSAGE":
            self._first = text.partition(",,")[2]
            nonce = text.partition("r=")[2]
            self._challenge = f"r={nonce}server,s={SALT},i={MIN_ITERATIONS}"
            return {"response_type": self._opens, "rfc_str": self._challenge}
        salted = hashlib.pbkdf2_hmac("sha512", self._secret.encode(), base64.b64decode(SALT), MIN_ITERATIONS)
        signed = f"{self._first},{self._challenge},{text.rpartition(',p=')[0]}".encode()
        proof = hmac.digest(hmac.digest(salted, b"Server Key", "sha512"), signed, "sha512")
        return {
            "response_type": self._ends,
            "rfc_str": f"v={base64.b64encode(proof).decode()}",
            "user_info": {"pw_name": "mcp"},
        }


def manager(given: Mapping[str, object], clock: Clock | None = None) -> AuthManager:
    config = {"name": "nas", "host": "nas.example", **given}
    return AuthManager(config) if clock is None else AuthManager(config, clock=clock)


@pytest.mark.parametrize("protocol", ["ws", "http"])
async def test_nothing_is_said_in_plain_text(protocol: str) -> None:
    auth, appliance = manager({**KEY, "protocol": protocol}), Appliance({})
    for refused in (auth.check_transport, None):
        with pytest.raises(ConfigError, match="over TLS only"):
            refused() if refused is not None else await auth.log_in(appliance)
    assert appliance.said == []
    manager(KEY).check_transport()


async def test_where_scram_is_offered_the_key_is_not_said() -> None:
    auth, appliance = manager({**KEY, **OPERATE}), Scram()
    await auth.log_in(appliance)
    assert appliance.methods == [CHOICES, LOGIN, LOGIN]
    assert RAW not in str(appliance.said)
    assert "s" * 64 not in str(appliance.said)
    assert auth.user == {"pw_name": "mcp"}


async def test_an_appliance_that_does_not_know_the_key_is_not_logged_in_to() -> None:
    auth, appliance = manager({**KEY, **OPERATE}), Scram(secret="another")
    with pytest.raises(AuthenticationError, match="could not prove"):
        await auth.log_in(appliance)
    with pytest.raises(QuarantinedError, match="The API key was refused"):
        await auth.log_in(appliance)
    assert auth.user == {}
    assert len(appliance.said) == 3


@pytest.mark.parametrize(
    ("appliance", "error"),
    [
        (Scram(ends="SUCCESS"), ProtocolError),
        (Scram(first="SUCCESS"), ProtocolError),
        (Scram(first="AUTH_ERR"), AuthenticationError),
        (Scram(ends="EXPIRED"), AuthenticationError),
        (Scram(first="DENIED"), PermissionDeniedError),
    ],
    ids=["ends without proof", "begins without a challenge", "refused", "expired", "denied"],
)
async def test_scram_ends_only_with_the_proof(appliance: Scram, error: type[HoldfastError]) -> None:
    auth = manager({**KEY, **OPERATE})
    with pytest.raises(error) as told:
        await auth.log_in(appliance)
    assert type(told.value) is error
    assert auth.user == {}


@pytest.mark.parametrize("offered", [["API_KEY_PLAIN"], [], None, {"SCRAM": 1}, "SCRAM"])
async def test_where_scram_is_not_offered_the_key_is_said_with_the_users_name(offered: JsonValue) -> None:
    appliance = Appliance({CHOICES: offered, LOGIN: SUCCESS})
    await manager({**KEY, **OPERATE}).log_in(appliance)
    said: JsonObject = {"mechanism": "API_KEY_PLAIN", "username": "mcp", "api_key": RAW}
    assert appliance.said == [(CHOICES, []), (LOGIN, [said])]


@pytest.mark.parametrize("how", ["set", "known"])
async def test_where_scram_is_wanted_or_was_offered_before_there_is_no_way_down(how: str) -> None:
    auth = manager({**KEY, **OPERATE, **({"login": "scram"} if how == "set" else {})})
    if how == "known":
        await auth.log_in(Scram())
    appliance = Appliance({CHOICES: ["API_KEY_PLAIN"], LOGIN: SUCCESS})
    with pytest.raises(UnavailableError, match="does not offer SCRAM"):
        await auth.log_in(appliance)
    assert appliance.methods == [CHOICES]


async def test_who_wants_it_plain_is_not_asked_what_there_is() -> None:
    appliance = Appliance({CHOICES: ["SCRAM"], LOGIN: SUCCESS})
    await manager({**KEY, **OPERATE, "login": "plain"}).log_in(appliance)
    assert appliance.methods == [LOGIN]


@pytest.mark.parametrize("login", ["auto", "plain"])
async def test_a_password_is_said_as_one(login: str) -> None:
    appliance = Appliance({CHOICES: ["SCRAM"], LOGIN: SUCCESS})
    await manager({**PAIR, **OPERATE, "login": login}).log_in(appliance)
    said: JsonObject = {"mechanism": "PASSWORD_PLAIN", "username": "mcp", "password": "a-password"}
    assert appliance.said == [(LOGIN, [said])]


async def test_a_key_without_a_name_goes_to_the_method_that_needs_none() -> None:
    appliance = Appliance({CHOICES: ["API_KEY_PLAIN"], BY_KEY: True})
    auth = manager({**KEY_ALONE, **OPERATE})
    auth.user = {"pw_name": "of the last session"}
    await auth.log_in(appliance)
    assert appliance.said == [(CHOICES, []), (BY_KEY, [RAW])]
    assert auth.user == {}


@pytest.mark.parametrize("answer", [False, None, 1, "true", {"response_type": "SUCCESS"}])
async def test_a_key_alone_is_taken_only_where_true_is_answered(answer: JsonValue) -> None:
    auth, appliance = manager({**KEY_ALONE, **OPERATE}), Appliance({CHOICES: [], BY_KEY: answer})
    with pytest.raises(AuthenticationError, match="refused the API key"):
        await auth.log_in(appliance)
    with pytest.raises(QuarantinedError):
        await auth.log_in(appliance)
    assert len(appliance.said) == 2


@pytest.mark.parametrize(
    ("appliance", "why"),
    [
        (Scram(), "logs in by SCRAM"),
        (Appliance({CHOICES: [], BY_KEY: UnsupportedError("no such method")}), "by auth.login_ex only"),
    ],
    ids=["scram", "gone"],
)
async def test_where_a_name_is_needed_that_is_said_and_no_name_is_guessed(appliance: Appliance, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as told:
        await manager({**KEY_ALONE, **OPERATE}).log_in(appliance)
    assert "username" in str(told.value.next_step)
    assert LOGIN not in appliance.methods


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ("AUTH_ERR", AuthenticationError, "refused the user or the credential"),
        ("EXPIRED", AuthenticationError, "has expired"),
        ("OTP_REQUIRED", AuthenticationError, "one-time password"),
        ("SOMETHING_NEW", AuthenticationError, "answered the login with SOMETHING_NEW"),
        ("DENIED", PermissionDeniedError, "may not use the API"),
        ("REDIRECT", StandbyError, "standby controller"),
    ],
)
async def test_what_an_answer_to_a_login_means(answer: str, error: type[HoldfastError], said: str) -> None:
    auth = manager({**PAIR, **OPERATE})
    with pytest.raises(error, match=said) as told:
        await auth.log_in(Appliance({LOGIN: {"response_type": answer, "urls": ["https://a", 7]}}))
    assert type(told.value) is error
    if isinstance(told.value, StandbyError):
        assert told.value.urls == ("https://a", "7")
        assert told.value.vendor_code == "REDIRECT"
        assert "active controller" in str(told.value.next_step)
    refused = error is AuthenticationError
    with pytest.raises(QuarantinedError if refused else error, match="user name and password" if refused else said):
        await auth.log_in(Appliance({LOGIN: {"response_type": answer}}))
    assert auth.user == {}


async def test_a_redirect_that_leads_nowhere_is_one_all_the_same() -> None:
    with pytest.raises(StandbyError) as told:
        await manager(PAIR).log_in(Appliance({LOGIN: {"response_type": "REDIRECT", "urls": "https://a"}}))
    assert told.value.urls == ()


@pytest.mark.parametrize("answer", [{"response_type": "SUCCESS"}, {"response_type": "SUCCESS", "user_info": ["x"]}])
async def test_a_user_who_is_not_told_is_nobody(answer: JsonObject) -> None:
    auth = manager({**PAIR, **OPERATE})
    await auth.log_in(Appliance({LOGIN: answer}))
    assert auth.user == {}


async def test_a_read_only_target_gives_up_its_rights_where_the_release_can() -> None:
    appliance = Appliance({LOGIN: SUCCESS, READ_ONLY: None})
    await manager(PAIR).log_in(appliance)
    assert appliance.methods == [LOGIN, READ_ONLY]
    await manager(PAIR).log_in(Appliance({LOGIN: SUCCESS, READ_ONLY: UnsupportedError("no such method")}))
    with pytest.raises(UnavailableError):
        await manager(PAIR).log_in(Appliance({LOGIN: SUCCESS, READ_ONLY: UnavailableError("not now")}))


async def test_logins_are_counted_and_wait_for_their_turn() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    auth = manager({**PAIR, **OPERATE}, Clock(monotonic=lambda: 100.0, sleep=sleep, random=lambda: 0.0))
    for _ in range(LOGINS):
        await auth.wait_for_turn()
        await auth.log_in(Appliance({LOGIN: SUCCESS}))
    assert slept == []
    await auth.wait_for_turn()
    assert slept == [WINDOW_S]


# What follows is the exchange alone.


def opened(key: str = RAW, nonce: str = "mine") -> ScramLogin:
    return ScramLogin("mcp", key, None, nonce=nonce)


@pytest.mark.parametrize("key", ["nodash", "x-secret", "1-", "-secret", "²-secret", "٣-secret", ""])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="does not look like one"):
        opened(key)


def test_the_first_message_names_user_key_and_nonce_and_is_not_bound_without_a_certificate() -> None:
    assert opened().first == "n,,n=mcp:7,r=mine"
    assert ScramLogin("a=b,c", RAW, None, nonce="x").first == "n,,n=a=3Db=2Cc:7,r=x"
    ones, others = (ScramLogin("mcp", RAW, None).first.partition("r=")[2] for _ in range(2))
    assert ones != others
    assert min(len(ones), len(others)) == 48


@pytest.mark.parametrize(
    "challenge",
    [
        f"r=minf,s={SALT},i={MIN_ITERATIONS}",
        f"r=other,s={SALT},i={MIN_ITERATIONS}",
        f"r=mine,s={SALT},i={MIN_ITERATIONS}",
        f"r=longer-than-mine,s={SALT},i={MIN_ITERATIONS}",
        f"s={SALT},i={MIN_ITERATIONS}",
        f"r=mine1,s={SALT},i={MIN_ITERATIONS - 1}",
        f"r=mine1,s={SALT},i={MAX_ITERATIONS + 1}",
        f"r=mine1,s={SALT},i=-{MIN_ITERATIONS}",
        f"r=mine1,s={SALT},i=²",
        f"r=mine1,s={SALT},i=٥٠٠٠٠",
        f"r=mine1,s={SALT},i=",
        f"r=mine1,s={SALT}",
        f"r=mine1,s=no base64,i={MIN_ITERATIONS}",
    ],
)
def test_a_challenge_that_is_not_for_this_login_or_not_reasonable_is_not_answered(challenge: str) -> None:
    with pytest.raises(ProtocolError):
        opened().final(challenge)


@pytest.mark.parametrize("rounds", [MIN_ITERATIONS, MAX_ITERATIONS])
def test_the_least_and_the_most_rounds_are_done(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def short(name: str, secret: bytes, salt: bytes, iterations: int) -> bytes:
        done.append(iterations)
        return bytes(64)

    monkeypatch.setattr("hashlib.pbkdf2_hmac", short)
    assert opened().final(f"r=mine1,s={SALT},i={rounds}").startswith("c=biws,r=mine1,p=")
    assert done == [rounds]


@pytest.mark.parametrize("given", ["", "v=", f"v={base64.b64encode(bytes(64)).decode()}"])
def test_no_signature_is_right_before_anything_was_asked_and_a_wrong_one_never_is(given: str) -> None:
    login = opened()
    with pytest.raises(AuthenticationError):
        login.verify(given)
    login.final(f"r=mine1,s={SALT},i={MIN_ITERATIONS}")
    with pytest.raises(AuthenticationError):
        login.verify(given)
    with pytest.raises(ProtocolError):
        login.verify("v=!")


Hash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512


def certificate(algorithm: Hash | None) -> bytes:
    """One that is signed by itself, DER; by Ed25519, which has no hash of its own, where none is given."""
    key = ed25519.Ed25519PrivateKey.generate() if algorithm is None else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nas")])
    now = datetime(2026, 11, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=9))
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("algorithm", "hashed"),
    [
        (hashes.SHA256(), hashlib.sha256),
        (hashes.SHA224(), hashlib.sha256),
        (hashes.SHA384(), hashlib.sha384),
        (hashes.SHA512(), hashlib.sha512),
    ],
    ids=["256", "224", "384", "512"],
)
def test_a_login_is_bound_to_the_certificate_by_the_hash_of_its_signature(
    algorithm: Hash, hashed: Callable[[bytes], hashlib._Hash]
) -> None:
    shown = certificate(algorithm)
    login = ScramLogin("mcp", RAW, shown, nonce="mine")
    assert login.first == "p=tls-server-end-point,,n=mcp:7,r=mine"
    final = login.final(f"r=mine1,s={SALT},i={MIN_ITERATIONS}")
    bound = base64.b64decode(final.partition("c=")[2].partition(",")[0])
    assert bound == b"p=tls-server-end-point,," + hashed(shown).digest()


@pytest.mark.parametrize("shown", [certificate(None), b"no certificate"], ids=["no hash", "none"])
def test_a_certificate_that_nothing_can_be_bound_to_leaves_the_login_unbound(shown: bytes) -> None:
    login = ScramLogin("mcp", RAW, shown, nonce="mine")
    assert login.first == "n,,n=mcp:7,r=mine"
    assert login.final(f"r=mine1,s={SALT},i={MIN_ITERATIONS}").startswith("c=biws,")
