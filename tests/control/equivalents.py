"""Mutants that behave as the original, and why."""

from __future__ import annotations

from typing import Final

EQUIVALENT: Final[dict[tuple[str, str, str], str]] = {
    (
        "control.ledger.reading",
        'wanted = {record.seq for record in records if "settled_by" in record.body}',
        "filter 0 -> True",
    ): "only spares work: no other record is ever named by a correction",
    (
        "control.ledger.reading",
        "later = takewhile(lambda record: record.seq > min(wanted), self._records(newest_first=True, cursor=None))",
        "Gt -> GtE",
    ): "the earliest of them may itself correct one before it, which is not among them",
    (
        "appliances.idrac.session",
        "if self._pending is not None and not self._pending.done():",
        "without operand 1",
    ): "waiting for a login that is over takes no time, and cancelling it does nothing",
    ("appliances.pfsense.lockout", "probe.setblocking(False)", "without call"): (
        "connecting a datagram socket waits for nothing, and nothing is sent on it"
    ),
    (
        "control.cursors",
        "if names and all(type(value) in _PLAIN for value in values):",
        "condition -> False",
    ): "only spares work: of such values the long way makes the same",
    ("control.redactedlogs", "super().__init__()", "without call"): "the filter's own name is used by nothing",
    **{
        ("control.cleaning", "if len(text) <= max_length and text.isascii() and text.isprintable():", what): (
            "only spares work: such a text comes out of the long way as it is"
        )
        for what in ("condition -> False", "LtE -> Lt")
    },
    **{
        (
            "control.secretshapes",
            line,
            "condition -> True",
        ): "only spares work: without that text the pattern finds nothing"
        for line in (
            'if "-----BEGIN " in text:',
            'if "LS0tLS1CRUdJTi" in text:',
            'if "://" in text:',
            'if "--" in text:',
            'if "=" in text or ":" in text or ">" in text:',
        )
    },
    **{
        ("control.secretindex", "if len(by_gram) > min(len(text), _FEW):", what): "both ways find the same places"
        for what in ("condition -> True", "condition -> False", "Gt -> GtE")
    },
    **{
        ("control.secretindex", "if len(self._short) > known:", what): "only spares work: the pattern would be the same"
        for what in ("condition -> True", "Gt -> GtE")
    },
    (
        "control.secretforms",
        "return text.lower() if text.isascii() else text.translate(_FOLDS)",
        "condition -> False",
    ): "only spares work: ASCII comes out of the table the same",
    (
        "control.secretviews",
        "if not any(sign in text for sign in _SIGNS) and _RUN.search(text) is None:",
        "condition -> False",
    ): "only spares work: without these nothing is found to be undone",
    ("control.secretviews", "if _RUN.search(view.text):", "condition -> True"): (
        "only spares work: what is wrapped or encoded has such a run"
    ),
    (
        "control.textescapes",
        "if not any(sign in text for sign in _SIGNS):",
        "condition -> False",
    ): "only spares work: without these there is no escape to be found",
    ("control.redaction", "if text in harmless:", "condition -> False"): "only spares work: it is found harmless again",
    (
        "control.ledger.head",
        "found = None if data is None else _File.model_validate_json(data)",
        "condition -> False",
    ): ("None is refused as what is no JSON is"),
    ("control.ledger.chain", "self.signed = self.signed or record.signed", "without operand 0"): (
        "after a signed record no unsigned one passes the check"
    ),
    ("control.ledger.chain", "while left is None or left > 0:", "Gt -> GtE"): "reading no bytes ends the loop as well",
    ("control.ledger.verifying", "if position.seq:", "condition -> True"): (
        "before the first record the segment begins where it stands"
    ),
    (
        "control.ledger.verifying",
        "if not self._head_met and self._noted is not None and self._noted.seq > 0:",
        "without operand 1",
    ): "without a noted head there is none to be met",
    ("control.ledger.verifying", "if not self._pin_met and self._pin is not None:", "without operand 1"): (
        "without a pin there is none to be met"
    ),
    (
        "control.ledger.reading",
        "record = _tolerant(line) if complete else None",
        "condition -> True",
    ): "an unfinished line is too long for a record, or all there is of its file and not shown",
    ("control.ledger.files", "if path.stem == self.owner:", "condition -> False"): (
        "a process holds its own lock, and so is found among the living"
    ),
    (
        "control.redaction",
        "return REDACTED if self._numbers and self._is_secret_number(value) else value",
        "without operand 0",
    ): "saves looking when no secret is a number",
    ("control.secretindex", "if redacted == text:", "condition -> False"): (
        "only spares work: nothing more is found in what was not changed"
    ),
    (
        "control.dispatch",
        "if entry is None or spec is None or spec.fleet or spec.kind != kind:",
        "without operand 0",
    ): "without an entry there is no tool either",
    ("control.approval", 'return _Sealed.model_validate_json(data or b"", strict=True)', "without operand 1"): (
        "None is refused as empty text is"
    ),
    (
        "server.slowclients",
        "self._enter(_Phase.HEADERS if first or begun else _Phase.IDLE)",
        "without operand 0",
    ): "before a first request is complete, what has come of it is never nothing",
    ("control.statefiles", "if text is None:", "condition -> True"): "creating a key that is there changes nothing",
    ("transport.urls", "if _PLAIN.match(text):", "condition -> False"): (
        "only spares work: quoting leaves these characters as they are"
    ),
    ("transport.urls", 'if "/." not in text and "%" not in text:', "condition -> False"): (
        "only spares work: such a path begins with a slash, so no dot segment is found and decoding changes nothing"
    ),
    **{
        ("transport.jsontext", line, what): reason
        for line, what, reason in (
            (
                "return _without_surrogates(value) if _ESCAPED_SURROGATE.search(raw) else value",
                "condition -> True",
                "only spares work: without such an escape there is no lone surrogate",
            ),
            ('if body[:1] in (b"{", b"["):', "condition -> False", "only spares decoding and encoding UTF-8"),
            (
                r"""return text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text""",
                "condition -> True",
                "only spares work: without a backslash nothing is replaced",
            ),
            (
                'if brackets <= limits.json_depth and brackets + raw.count(b",") < limits.json_nodes:',
                "condition -> False",
                "only spares work: the exact count refuses nothing that the rough one lets through",
            ),
            (
                'if brackets <= limits.json_depth and brackets + raw.count(b",") < limits.json_nodes:',
                "LtE -> Lt",
                "only spares work: the exact count refuses nothing that the rough one lets through",
            ),
            (
                "if nodes > limits.json_nodes:",
                "condition -> False",
                "refuses sooner, with less work, what the count behind the loop refuses",
            ),
        )
    },
    ("transport.attempt", "if self.safe and self.reused and self.sends == 1:", "without operand 2"): (
        "aiohttp itself tries a second time at most; what comes out of it the second time is told the same"
    ),
    **{
        ("transport.exchange", line, what): reason
        for line, what, reason in (
            ('reason=_clean(response.reason or ""),', "without operand 1", "aiohttp's parser gives a text, always"),
            (
                "data = body.in_memory() if body.length <= _STREAM_FROM else None",
                "condition -> False",
                "only spares work: streamed, the same bytes go out with the same length",
            ),
            (
                "data = body.in_memory() if body.length <= _STREAM_FROM else None",
                "LtE -> Lt",
                "only spares work: streamed, the same bytes go out with the same length",
            ),
            (
                "if data is None:",
                "condition -> True",
                "only spares work: streamed, the same bytes go out with the same length",
            ),
            (
                'return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")',
                "condition -> False",
                "only spares work: ASCII comes out of it as it is",
            ),
        )
    },
    ("transport.websocket", 'raise WireClosed(code, str(message.extra or ""))', "without operand 1"): (
        "aiohttp gives a text with the end of a socket, always"
    ),
    ("transport.websocket", 'raise WireClosed(self._socket.close_code or 1006, "")', "without operand 1"): (
        "by the time that aiohttp tells of the end it has a code for it, 1006 where the peer gave none"
    ),
    (
        "appliances.idrac.pushing",
        'return await _store_and_install(ctx, service, push or "", image, when)',
        "without operand 1",
    ): ("where neither way is there, the plan is refused, and nothing is sent"),
    (
        "appliances.truenas.auth",
        "elif self.settings.api_key is not None and self.settings.username is None:",
        "without operand 0",
    ): "who has no key has a name: the settings refuse a password without one",
    (
        "appliances.truenas.scram",
        "if not (dash and self._secret and number.isascii() and number.isdigit()):",
        "without operand 0",
    ): "without a dash nothing stands behind it, which is refused as well",
    ("appliances.proxmox.session", 'user = self._settings.username or ""', "without operand 1"): (
        "asked only where there is no API token, and then the settings have a name"
    ),
    (
        "appliances.proxmox.session",
        'named = "" if "@" in (self._settings.username or "") else " username names no realm, so pam was taken."',
        "without operand 1",
    ): "asked only where there is no API token, and then the settings have a name",
    ("transport.givenup", "end.cancel()", "without call"): "a task that is over takes no cancelling any more",
}
"""(module, source line, mutation) and the reason."""
