"""One local cloud: what tests, the demo and ``photogate local`` work with.

Examples
--------
>>> with LocalCloud() as cloud:  # doctest: +SKIP
...     cloud.outputs["ApiUrl"], cloud.token("acme", "caller-1", ["uploads"])
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import ssl
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3

from local import deployer, server
from local.authority import write_private
from local.client import Client
from local.deploy.base import Context
from local.intrinsics import Intrinsics, parameter_values
from local.page import link
from local.places import ACCOUNT, ADMIN_KEY_ID, REGION, REPOSITORY, Places
from local.server import LocalCloudError
from local.sessions import RoleSession, client_of, log_lines
from local.template import load, translate
from local.tokens import AUDIENCE, ISSUER_PATH, Issuer

__all__ = ["FunctionFailed", "LocalCloud", "LocalCloudError", "default_parameters"]

STACK = "photogate"
WARM_FIRST = (
    "ManageConsentsFunction",
    "RequestUploadFunction",
    "DetectFacesFunction",
    "AdmitUploadFunction",
    "StripMetadataFunction",
    "ReadUploadFunction",
    "StorePhotoFunction",
    "RecordOutcomeFunction",
)
SUBJECT_SCOPES = ("uploads:write", "consents:write")


class FunctionFailed(Exception):
    """A function that was invoked by hand raised.

    Attributes
    ----------
    name
        The error's type, as Step Functions sees it.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


@dataclass(frozen=True)
class _Deployed:
    """What `Places.stack` holds."""

    digest: str
    resources: dict[str, str]
    types: dict[str, str]
    arns: dict[str, str]
    outputs: dict[str, str]
    settings: dict[str, str]


def default_parameters(base: str) -> dict[str, str]:
    """Give the template's parameters for a run on this machine."""
    return {
        "Stage": "dev",
        "JwtIssuer": base + ISSUER_PATH,
        "JwtAudience": AUDIENCE,
        "PageOrigin": base,
        "DeletionProtection": "false",
        "ErasureWaitSeconds": "30",
        "StaffPrincipals": f"arn:aws:iam::{ACCOUNT}:root",
    }


class LocalCloud:
    """The service, deployed on this machine.

    Parameters
    ----------
    root
        Folder for all that it writes; ``.local`` in the repository unless given. Two clouds need two folders.
    port
        A port on 127.0.0.1; a free one unless given.
    parameters
        Template parameters that differ from `default_parameters`.
    template
        Another template than the repository's; functions are found beside it.
    python, runtime
        For a template whose functions and layers are built for Lambda: the Python that they are built for, and the
        folder of what it brings along. This environment's Python, with its packages, unless given.
    plain_http
        Open a second door without TLS, for the tests that knock there and must be refused.
    tell
        Called with a line for each step; silent unless given.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        port: int | None = None,
        parameters: Mapping[str, str] | None = None,
        template: Path | None = None,
        python: str = sys.executable,
        runtime: Path | None = None,
        plain_http: bool = False,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.places = Places((root or REPOSITORY / ".local").resolve())
        self._port = port
        self._given = dict(parameters or {})
        self._template = (template or REPOSITORY / "template.yaml").resolve()
        self._python, self._runtime = python, runtime
        self._plain_http = plain_http
        self._tell = tell
        self._running: server.Running | None = None
        self._deployed: _Deployed | None = None
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> LocalCloud:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring the cloud up. What is up already, from the same files, stays as it is.

        Raises
        ------
        LocalCloudError
            When the server does not come up.
        """
        self.places.root.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if self.attach() and self._is_current():
                self._tell(f"already up at {self.base}")
                return
            self._forget()
            self._tell("starting the server")
            self._running = server.start(self.places, self._port, plain_http=self._plain_http)
            self._tell(f"deploying {self._template.name} to {self.base}")
            try:
                self._deploy()
            except BaseException:
                self._forget()
                raise
            self._tell(f"up at {self.base}")

    def attach(self) -> bool:
        """Take over a cloud that is up; False when there is none."""
        found = server.running(self.places)
        try:
            deployed = _Deployed(**json.loads(self.places.stack.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return False
        if found is None or (self._port is not None and found.port != self._port):
            return False
        self._running, self._deployed = found, deployed
        return True

    def stop(self) -> None:
        """Stop everything. What was uploaded is gone; keys and certificates stay for the next start."""
        if self.places.root.exists():
            with self._locked():
                self._forget()

    @property
    def base(self) -> str:
        """Address of the server, for AWS's own APIs."""
        if self._running is None:
            raise LocalCloudError("Expected a cloud that is up; call start() first")
        return self._running.base

    @property
    def plain_base(self) -> str | None:
        """Address of the door without TLS, where there is one."""
        port = self._running.plain_port if self._running else None
        return f"http://127.0.0.1:{port}" if port else None

    @property
    def outputs(self) -> dict[str, str]:
        """Outputs of the stack."""
        return dict(self._stack.outputs)

    @property
    def resources(self) -> dict[str, str]:
        """Physical id of every resource, by logical id."""
        return dict(self._stack.resources)

    @property
    def arns(self) -> dict[str, str]:
        """Arn of every resource that has one, by logical id."""
        return dict(self._stack.arns)

    @property
    def types(self) -> dict[str, str]:
        """Type of every resource, by logical id."""
        return dict(self._stack.types)

    @property
    def ca_bundle(self) -> Path:
        """Certificate to trust."""
        return self.places.ca

    def environment(self) -> dict[str, str]:
        """Give the environment with which the AWS CLI or ``photogate`` reaches this cloud as administrator."""
        return {
            "AWS_ACCESS_KEY_ID": ADMIN_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": self.places.admin_secret.read_text(),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.base,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "SSL_CERT_FILE": str(self.ca_bundle),
            "PHOTOGATE_ENDPOINT_URL": self.base,
            "PHOTOGATE_API_URL": self.outputs["ApiUrl"],
            **self._stack.settings,
        }

    def client(self, service: str) -> Any:
        """Give a client of the account's administrator."""
        if service not in self._clients:
            self._clients[service] = client_of(self._admin_session(), service, self.base, self.ca_bundle)
        return self._clients[service]

    def session_for_role(self, arn: str) -> RoleSession:
        """Act as a role, with what its policies grant and nothing else."""
        made = self._ask("role-session", {"RoleArn": arn})
        session = boto3.Session(
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=made["SessionToken"],
            region_name=REGION,
        )
        return RoleSession(session, self.base, self.ca_bundle)

    def token(self, tenant: str, caller: str, scopes: Sequence[str] = (), **more: Any) -> str:
        """Give a token that the API accepts; `more` is passed on to `local.tokens.Issuer.token`."""
        return Issuer(self.places, self.base).token(tenant, caller, scopes, **more)

    def page(self, tenant: str, caller: str) -> str:
        """Give the address of the upload page for a caller."""
        return link(self.base, self.token(tenant, caller, SUBJECT_SCOPES))

    def as_caller(self, tenant: str, caller: str, scopes: Sequence[str] = SUBJECT_SCOPES) -> Client:
        """Give a client of the API that speaks for a caller."""
        return Client(self.outputs["ApiUrl"], self.token(tenant, caller, scopes), self.ca_bundle)

    def without_token(self) -> Client:
        """Give a client of the API that speaks for nobody."""
        return Client(self.outputs["ApiUrl"], None, self.ca_bundle)

    def invoke(self, function: str, payload: Any) -> Any:
        """Invoke a function by hand.

        Parameters
        ----------
        function
            Its logical id in the template, or its name.
        payload
            What becomes JSON.

        Raises
        ------
        FunctionFailed
            When it raised.
        """
        name = self._stack.resources.get(function, function)
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload).encode())
        result = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise FunctionFailed(str(result.get("errorType")), str(result.get("errorMessage")))
        return result

    def logs(self) -> Iterator[str]:
        """Give every line of every log group: of functions, of the API and of the state machine."""
        return log_lines(self.client("logs"))

    @property
    def _stack(self) -> _Deployed:
        if self._deployed is None:
            raise LocalCloudError("Expected a cloud that is up; call start() first")
        return self._deployed

    def deploy_beside(self, template: Path, parameters: Mapping[str, str], name: str) -> deployer.Stack:
        """Deploy a second stack into the same cloud; it goes when the cloud goes."""
        return self._created(template, parameters, name)[0]

    def _deploy(self) -> None:
        source = load(self._template)
        stack, template, intrinsics = self._created(self._template, self._parameters(source), STACK)
        outputs = {k: self._reachable(v, stack) for k, v in stack.outputs.items()}
        settings = self._settings(template, intrinsics)
        self._deployed = _Deployed(self._digest(), stack.resources, stack.types, stack.arns, outputs, settings)
        write_private(self.places.stack, json.dumps(asdict(self._deployed), indent=1).encode())
        self._warm_up()

    def _created(
        self, path: Path, parameters: Mapping[str, str], name: str
    ) -> tuple[deployer.Stack, dict[str, Any], Intrinsics]:
        source = load(path)
        values = parameter_values(source.get("Parameters", {}), parameters)
        template = translate(source, {k: v for k, v in values.items() if isinstance(v, str)})
        context = Context(
            session=self._admin_session(),
            endpoint=self.base,
            ca=self.ca_bundle,
            stack=name,
            suffix=deployer.new_suffix(),
            folder=path.parent,
            python=self._python,
            runtime=self._runtime,
        )
        intrinsics = Intrinsics(template, values, name)
        return deployer.deploy(template, intrinsics, context), template, intrinsics

    def _warm_up(self) -> None:
        """Start an environment of each function, in the order of a photo's way, while the caller goes on."""
        names = [name for name, kind in self._stack.types.items() if kind == "AWS::Lambda::Function"]
        first = {name: place for place, name in enumerate(WARM_FIRST)}
        names.sort(key=lambda name: first.get(name, len(first)))
        self._ask("warm", {"Functions": [self._stack.resources[name] for name in names]})

    def _ask(self, what: str, body: Mapping[str, Any]) -> Any:
        """Ask the administrator's entrance of the server."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            f"{self.base}/_photogate/admin/{what}",
            data=json.dumps(body).encode(),
            headers={"x-admin-secret": self.places.admin_secret.read_text()},
        )
        trust = ssl.create_default_context(cafile=str(self.ca_bundle))
        with urllib.request.urlopen(request, context=trust, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def _parameters(self, source: Mapping[str, Any]) -> dict[str, str]:
        known = source.get("Parameters", {})
        return {k: v for k, v in default_parameters(self.base).items() if k in known} | self._given

    def _settings(self, template: Mapping[str, Any], intrinsics: Intrinsics) -> dict[str, str]:
        """Give every setting that some function has, so that ``photogate`` on the command line has it too."""
        found: dict[str, str] = {}
        for resource in deployer.wanted(template, intrinsics).values():
            if resource["Type"] == "AWS::Lambda::Function":
                variables = resource["Properties"].get("Environment", {}).get("Variables", {})
                found |= {k: str(v) for k, v in intrinsics.resolve(variables).items() if k.startswith("PHOTOGATE_")}
        return found

    def _reachable(self, value: str, stack: deployer.Stack) -> str:
        """Give an address on this machine in place of the one that it has in AWS, and TLS in place of plain http."""
        value = value.replace(f"http://localhost:{self.base.rsplit(':', 1)[1]}/", self.base + "/")
        for name, kind in stack.types.items():
            api = stack.resources[name]
            if kind == "AWS::ApiGatewayV2::Api" and value.startswith(f"https://{api}.execute-api."):
                path = value.removeprefix("https://").partition("/")[2]
                return f"{self.base}/_aws/execute-api/{api}/{path}".rstrip("/")
        return value

    def _is_current(self) -> bool:
        return self._stack.digest == self._digest()

    def _digest(self) -> str:
        """Hash what a deployment is made from: the template, the code, the parameters."""
        digest = hashlib.sha256(json.dumps([str(self._template), self._given], sort_keys=True).encode())
        folder = self._template.parent
        trees = (folder / "functions", REPOSITORY / "shared", REPOSITORY / "local")
        for path in (self._template, *sorted(p for tree in trees for p in tree.rglob("*"))):
            if path.is_file() and path.suffix in {".py", ".json", ".yaml", ".html"}:
                digest.update(path.as_posix().encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    def _forget(self) -> None:
        self.places.stack.unlink(missing_ok=True)
        server.stop(self.places)
        self._running, self._deployed, self._clients = None, None, {}

    def _admin_session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=ADMIN_KEY_ID,
            aws_secret_access_key=self.places.admin_secret.read_text(),
            region_name=REGION,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.places.lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
