"""API Gateway: the HTTP API, from the OpenAPI document that SAM makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.deploy.base import Context, Created, Handler, Properties, lower_first, tags
from local.places import ACCOUNT, REGION

__all__ = ["HANDLERS"]

METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "x-amazon-apigateway-any-method"}
INTEGRATION = {"type", "httpMethod", "uri", "payloadFormatVersion", "credentials", "timeoutInMillis"}


def http_api(context: Context, properties: Properties) -> Created:
    """Create an HTTP API with the authorizers, integrations and routes of its document."""
    body = properties.take("Body")
    properties.take("FailOnWarnings", None)
    client = context.client("apigatewayv2")
    arguments: dict[str, Any] = {}
    if cors := properties.take("CorsConfiguration", body.get("x-amazon-apigateway-cors")):
        arguments["CorsConfiguration"] = {k[:1].upper() + k[1:]: v for k, v in cors.items()}
    arguments.update(properties.take_all("Description", "DisableExecuteApiEndpoint"))
    if arguments.get("DisableExecuteApiEndpoint") is False:
        arguments.pop("DisableExecuteApiEndpoint")
    name = properties.take("Name", body.get("info", {}).get("title", context.name(properties.logical_id)))
    marks = {t["Key"]: t["Value"] for t in tags(properties.take("Tags", []) or [])}
    marks.update({t["name"]: t["x-amazon-apigateway-tag-value"] for t in body.get("tags", [])})
    api_id = client.create_api(Name=name, ProtocolType="HTTP", Tags=marks, **arguments)["ApiId"]
    authorizers = {
        scheme: _authorizer(client, api_id, scheme, value["x-amazon-apigateway-authorizer"])
        for scheme, value in body.get("components", {}).get("securitySchemes", {}).items()
        if "x-amazon-apigateway-authorizer" in value
    }
    integrations: dict[str, str] = {}
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                raise ValueError(f"Expected an HTTP method under {path}; found {method}")
            verb = "ANY" if method.startswith("x-") else method.upper()
            key = "$default" if path == "/$default" else f"{verb} {path}"
            target = _integration(client, api_id, operation["x-amazon-apigateway-integration"], integrations)
            client.create_route(
                ApiId=api_id,
                RouteKey=key,
                Target=f"integrations/{target}",
                **_security(operation.get("security", body.get("security", [])), authorizers),
            )
    endpoint = f"{context.endpoint}/_aws/execute-api/{api_id}"
    return Created(api_id, {"ApiId": api_id, "ApiEndpoint": endpoint})


def stage(context: Context, properties: Properties) -> Created:
    """Create a stage."""
    api_id = properties.take("ApiId")
    name = properties.take("StageName")
    arguments = properties.take_all("AutoDeploy", "Description", "StageVariables")
    if settings := properties.take("DefaultRouteSettings", None):
        arguments["DefaultRouteSettings"] = settings
    if settings := properties.take("RouteSettings", None):
        arguments["RouteSettings"] = settings
    if access := properties.take("AccessLogSettings", None):
        arguments["AccessLogSettings"] = access
    arguments["Tags"] = {t["Key"]: t["Value"] for t in tags(properties.take("Tags", []))}
    context.client("apigatewayv2").create_stage(ApiId=api_id, StageName=name, **arguments)
    return Created(name, {"Arn": f"arn:aws:apigateway:{REGION}::/apis/{api_id}/stages/{name}", "Owner": ACCOUNT})


def _authorizer(client: Any, api_id: str, name: str, value: Mapping[str, Any]) -> str:
    if value.get("type") != "jwt":
        raise ValueError(f"Expected a JWT authorizer; found {value.get('type')}")
    source = value.get("identitySource", "$request.header.Authorization")
    jwt = value["jwtConfiguration"]
    made = client.create_authorizer(
        ApiId=api_id,
        Name=name,
        AuthorizerType="JWT",
        IdentitySource=[source] if isinstance(source, str) else source,
        JwtConfiguration={"Issuer": jwt["issuer"], "Audience": jwt["audience"]},
    )
    return str(made["AuthorizerId"])


def _integration(client: Any, api_id: str, value: Mapping[str, Any], made: dict[str, str]) -> str:
    if unknown := set(lower_first(value)) - INTEGRATION:
        raise ValueError(f"Expected an integration that local/deploy/api.py knows; found {sorted(unknown)}")
    if value["type"].lower() != "aws_proxy":
        raise ValueError(f"Expected an aws_proxy integration; found {value['type']}")
    uri = value["uri"]
    if uri not in made:
        arguments = {"TimeoutInMillis": value["timeoutInMillis"]} if "timeoutInMillis" in value else {}
        made[uri] = client.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationMethod="POST",
            IntegrationUri=uri,
            PayloadFormatVersion=str(value["payloadFormatVersion"]),
            **arguments,
        )["IntegrationId"]
    return made[uri]


def _security(security: list[Mapping[str, list[str]]], authorizers: Mapping[str, str]) -> dict[str, Any]:
    if not security:
        return {"AuthorizationType": "NONE"}
    (scheme, scopes) = next(iter(security[0].items()))
    if len(security) != 1 or scheme not in authorizers:
        raise ValueError(f"Expected one known authorizer for a route; found {security}")
    arguments = {"AuthorizationType": "JWT", "AuthorizerId": authorizers[scheme]}
    return {**arguments, "AuthorizationScopes": scopes} if scopes else arguments


HANDLERS: dict[str, Handler] = {"AWS::ApiGatewayV2::Api": http_api, "AWS::ApiGatewayV2::Stage": stage}
