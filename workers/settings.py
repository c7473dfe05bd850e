"""The settings of the worker and the scheduler."""

from pydantic import Field, SecretStr

from processes.gateway_settings import GatewaySettings
from processes.settings import Settings


class SchedulerSettings(Settings):
    """The settings of the scheduler, which needs nothing but Redis."""


class WorkerSettings(GatewaySettings):
    """The settings of the worker, which folds events into the books and asks Ping++."""

    pingpp_api_key: SecretStr = Field(
        ...,
        description="`sk_live_…` or `sk_test_…`; decides the mode: events of the other mode are kept aside",
    )
    keep_bodies_days: float = Field(
        7, gt=0, description="raw bodies of events that are done are kept so long"
    )
    event_workers: int = Field(2, ge=1, description="RQ workers that apply events; two, so that one may die")

    discover_every: float = Field(
        60, ge=0, description="seconds between sweeps that find charges made elsewhere; 0: never"
    )
    reconcile_every: float = Field(
        3600, ge=0, description="seconds between reconciliations of the books; 0: never"
    )
    sweep_adopts: bool = Field(
        True, description="whether charges that only a sweep finds are taken under care, or only reported"
    )

    @property
    def keep_bodies_s(self) -> int:
        """The raw retention in seconds."""
        return int(self.keep_bodies_days * 86_400)
