"""The settings of `up`."""

from pydantic import Field, SecretStr

from processes.settings import Settings

SANDBOX_KEY = "sk_test_sandbox0000000000000000"
SANDBOX_APP = "app_1Gqj58ynP0mHeX1q"  # the app of the sandbox's triggers and shop unless another is named


class UpSettings(Settings):
    """The settings that `up` reads itself. All of the environment is passed on to the processes."""

    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8080, ge=1, le=65535, description="of the receiver")
    sandbox_port: int = Field(8090, ge=1, le=65535, description="of the sandbox")
    pingpp_api_key: SecretStr | None = Field(None, description="`sk_live_…` or `sk_test_…`; decides the mode")
    pingpp_app_ids: str = Field("", description="comma-separated; empty: the sandbox's own app, or any")
    pingpp_private_key_file: str | None = Field(None, description="the merchant's RSA key, signs requests")
    pingpp_public_key_files: str = Field("", description="comma-separated PEM files: keys of webhooks")
    merchant_api_tokens: SecretStr | None = Field(None, description="bearer tokens of the merchant API")
