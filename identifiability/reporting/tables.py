"""What the report's tables hold: verdicts, the rows behind each claim, recoveries of toy truth."""

from __future__ import annotations

from typing import Any

from identifiability.reporting.grouping import groups


def summary(llm: dict[str, Any]) -> list[dict[str, Any]]:
    """A line for each claim, layer and trait, in the order of the claims."""
    families = {family["claim"]: family for family in llm["families"]}
    lines = [verdict | families[verdict["claim"]] for verdict in llm["verdicts"]]
    for line in lines:
        # Of its own verdict; an open one shows the smaller of the two, and of which it is.
        line["p_adjusted"], line["p_of"] = _p_value(line)
    return sorted(lines, key=lambda line: line["number"])


def _p_value(line: dict[str, Any]) -> tuple[float | None, str]:
    kinds = {"confirmed": "p_confirm", "refuted": "p_refute"}
    if line["verdict"] in kinds:
        return line[kinds[line["verdict"]]], ""
    found = [(line[p], name) for name, p in kinds.items() if line[p] is not None]
    value, name = min(found, default=(None, ""))
    return value, f"of {name}" if name else ""


def claims(llm: dict[str, Any]) -> list[dict[str, Any]]:
    """Each claim of the run with its verdicts, its judged rows, and what could not be measured."""
    rows = groups(llm["claims"], "claim")
    verdicts = groups(summary(llm), "claim")
    unmeasurable = llm["cells"].get("unmeasurable", [])
    return [
        family
        | {
            "rows": rows.get((family["claim"],), []),
            "verdicts": verdicts.get((family["claim"],), []),
            "unmeasurable": [
                entry for entry in unmeasurable if entry["key"].startswith(f"{family['claim']}/")
            ],
            "paper": any(
                row["paper_statistic"] is not None for row in rows.get((family["claim"],), [])
            ),
        }
        for family in sorted(llm["families"], key=lambda family: family["number"])
    ]


def recoveries(toy: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each method, model and condition, over its instances."""
    return [
        dict(zip(_SETTING, key, strict=True)) | _over(runs)
        for key, runs in groups(toy["runs"], *_SETTING).items()
    ]


_SETTING = ("method", "condition", "model", "holds")


def _over(runs: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [run["score"] for run in runs if run["score"] is not None]
    worst = [run["score_min"] for run in runs if run["score_min"] is not None]
    others = [_outcome(run, "observed") for run in runs if not run["agrees"]]
    return {
        "predicted": _outcome(runs[0], "predicted"),
        "instances": len(runs),
        "agreeing": sum(run["agrees"] for run in runs),
        "otherwise": list(dict.fromkeys(others)),
        "score": sum(scores) / len(scores) if scores else None,
        "worst": min(worst, default=None),
        "chance": runs[0]["chance"],
    }


def _outcome(run: dict[str, Any], which: str) -> str:
    """Whether it recovers, and if not in which way it does not."""
    mode = run["failure_mode"][which]
    return run[which] if mode is None else f"{run[which]}: {mode}"
