"""Event subscriptions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from holdfast.appliances.idrac import subscriptions
from holdfast.appliances.idrac.changes import Ctx
from holdfast.appliances.idrac.configmodels import Subscription, SubscriptionPage
from holdfast.appliances.idrac.identifiers import RedfishId
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, page
from holdfast.control.spec import Risk, tool


@tool(title="List event subscriptions", toolset="events")
async def idrac_list_subscriptions(ctx: Ctx, *, limit: Limit = 50, cursor: Cursor = None) -> SubscriptionPage:
    """Who is told of the server's events. An iDRAC takes few: two on iDRAC 7 and 8, eight later."""
    rows = await subscriptions.read_subscriptions(ctx.client)
    return page(
        SubscriptionPage, rows, lambda row: Subscription.model_validate(subscriptions.facts(row)), limit, cursor
    )


@tool(title="Delete event subscription", toolset="events", risk=Risk.DESTRUCTIVE, idempotent=True)
async def idrac_delete_subscription(
    ctx: Ctx, *, subscription: Annotated[RedfishId, Field(description="Id of the subscription.")]
) -> Change:
    """Delete a subscription, such as one whose destination is gone. Holdfast makes none itself."""
    return await subscriptions.plan_delete(ctx, subscription)
