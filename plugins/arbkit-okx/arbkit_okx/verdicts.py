"""Temporary: replaced by the complete table."""

from __future__ import annotations

from arbkit.venue import RejectReason, Verdicts

VERDICTS = Verdicts(
    ok=("0",),
    rejected={
        RejectReason.INSUFFICIENT_FUNDS: ("51008", "51127", "51131"),
        RejectReason.BAD_PRICE: ("51006", "51116", "51122", "51137", "51138"),
        RejectReason.BAD_QTY: ("51020", "51120", "51121", "50122", "51201", "51202", "51203"),
        RejectReason.INSTRUMENT: ("51001", "51021", "51022", "51024", "51155", "51010"),
        RejectReason.OTHER: ("51000", "60012", "60013", "60011"),
        RejectReason.CLOCK: ("50102", "50112", "60004", "60006", "50036", "50037"),
        RejectReason.AUTH: (
            "50113",
            "50105",
            "50111",
            "50119",
            "50110",
            "50120",
            "50101",
            "60005",
            "60007",
            "60009",
            "60024",
        ),
    },
    lasting=("51010",),
    duplicate=("51016",),
    gone=("51400", "51401", "51402", "51410", "51412", "51503", "51509", "51510", "51603"),
    absent=("51603",),
    throttled=("50011", "50061", "60014", "50040"),
    login={"60031": "x", "60032": "y", "63999": "z"},
)
