"""The GDPR: the articles that a photo gate has evidence for. Numbers by the regulation, words by us."""

from __future__ import annotations

from photogate.audit.event import EventName as E
from photogate.report.controls.control import Control, Framework

__all__ = ["GDPR"]

GDPR = Framework(
    "gdpr",
    "General Data Protection Regulation (EU) 2016/679",
    (
        Control(
            "Art. 5",
            "Principles",
            "Personal data is used lawfully, for a purpose, no more and no longer than needed, correctly and safely; "
            "and that can be shown.",
            (
                "uploads_consented",
                "purposes_kept",
                "metadata_stripped",
                "originals_deleted",
                "retention_bounded",
                "stored_encrypted",
                "log_verified",
            ),
            "That the purposes are lawful, and that photos are needed for them.",
            (E.UPLOAD_REQUESTED, E.METADATA_STRIPPED, E.ORIGINAL_DELETED),
        ),
        Control(
            "Art. 6",
            "A lawful basis",
            "There is a basis in law for what is done; here it is consent.",
            ("uploads_consented", "withdrawals_respected", "purposes_declared"),
            "If another basis than consent is used beside it, which, and the balance of interests behind it.",
            (E.CONSENT_GIVEN, E.UPLOAD_REQUESTED),
        ),
        Control(
            "Art. 7",
            "Conditions of consent",
            "Consent can be shown, is asked for in plain words, and is as easily withdrawn as given.",
            ("notices_recorded", "withdrawals_respected", "purposes_declared"),
            "That consent is free: what happens to whoever refuses.",
            (E.CONSENT_GIVEN, E.CONSENT_REFUSED, E.CONSENT_WITHDRAWN),
        ),
        Control(
            "Art. 9",
            "Special categories",
            "Data from which somebody is recognised, or health, faith and the like can be read, is not used without "
            "grounds of its own.",
            ("faces_not_kept", "photos_looked_at", "redactions_checked", "models_recorded"),
            "What photos show beside faces. Photogate detects and does not recognise: it keeps no embedding, landmark "
            "or crop.",
            (E.FACES_DETECTED, E.PHOTO_REDACTED),
        ),
        Control(
            "Art. 17",
            "Erasure",
            "Whoever may ask for it has their data erased, everywhere and in time.",
            (
                "erasures_done",
                "no_copies",
                "pseudonyms_forgotten",
                "objects_expire",
                "originals_deleted",
                "originals_sealed",
            ),
            "Telling those who got the photos; grounds on which a request was refused.",
            (E.SUBJECT_FENCED, E.SUBJECT_ERASED, E.HOLD_PLACED, E.HOLD_REFUSED),
        ),
        Control(
            "Art. 25",
            "Protection by design and by default",
            "From the start and without anybody choosing it, no more is used than the purpose needs.",
            ("faces_not_kept", "metadata_stripped", "callers_hidden", "logs_without_content", "retention_bounded"),
            "That the app around the upload asks for no more than it needs, either.",
            (E.METADATA_STRIPPED, E.DECISION_MADE),
        ),
        Control(
            "Art. 30",
            "Record of processing",
            "There is a record of what is done with which data, why, for how long, and who gets it.",
            ("purposes_declared", "policies_logged", "logs_retained"),
            "Names and contacts, and what the record says of other systems. `photogate report --ropa` writes the rest.",
            (E.POLICY_CHANGED,),
        ),
        Control(
            "Art. 32",
            "Security",
            "Data is as safe as the risk asks for: encrypted, confidential, unchanged, available, and tested.",
            (
                "stored_encrypted",
                "transport_encrypted",
                "originals_sealed",
                "keys_rotate",
                "routes_need_tokens",
                "least_privilege",
                "recoverable",
                "callers_hidden",
                "log_verified",
            ),
            "The judgement of the risk, and tests of the measures.",
            (E.ACCESS_DENIED, E.AUDIT_VERIFIED),
        ),
        Control(
            "Art. 33",
            "Telling of a breach",
            "A breach is told to the authority within 72 hours of knowing of it, and every breach is recorded.",
            ("log_verified", "log_untouched", "alarms_set", "alarms_received", "denials_recorded"),
            "Who decides and who writes. `photogate report --incident` gives whose, what, how many, when, and who had "
            "access.",
            (E.INTEGRITY_ALERTED, E.ACCESS_DENIED),
        ),
        Control(
            "Art. 35",
            "Impact assessment",
            "Where the risk for people is high, it is assessed before anything starts.",
            ("faces_not_kept", "kinds_classified", "purposes_declared", "models_recorded"),
            "The assessment itself, its approval and the advice of the data protection officer. `photogate report "
            "--dpia` prepares it.",
            (E.POLICY_CHANGED, E.FACES_DETECTED),
        ),
    ),
)
