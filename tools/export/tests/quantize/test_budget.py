from itertools import product

from llm2clip_export.quantize.budget import Choice, spend


def ways(*losses: float) -> list[Choice]:
    return [Choice(bits, bits * 10, loss) for bits, loss in zip((4, 8, 16), losses, strict=True)]


def test_bytes_go_where_they_save_most():
    spent = spend({"hurts": ways(1.0, 0.5, 0), "a": ways(0.1, 0.01, 0), "b": ways(0.1, 0.02, 0)}, 160 + 40 + 80)
    assert {name: choice.bits for name, choice in spent.items()} == {"hurts": 16, "a": 8, "b": 4}


def test_no_more_than_the_budget_is_spent_and_a_step_too_large_does_not_end_it():
    choices = {"large": [Choice(8, 1000, 1.0), Choice(16, 2000, 0)], "small": [Choice(8, 10, 1e-6), Choice(16, 20, 0)]}
    spent = spend(choices, 1500)
    assert (spent["large"].bits, spent["small"].bits) == (8, 16)


def test_a_way_that_costs_more_and_loses_more_is_never_taken():
    spent = spend({"a": [Choice(4, 10, 0.1), Choice(8, 20, 0.2), Choice(16, 40, 0)]}, 30)
    assert spent["a"].bits == 4


def test_it_is_as_good_as_trying_every_combination_where_steps_are_alike():
    losses = [(0.8, 0.3, 0), (0.5, 0.1, 0), (0.9, 0.2, 0), (0.3, 0.15, 0)]
    choices = {str(i): ways(*loss) for i, loss in enumerate(losses)}
    # 4 to 8 takes 40 bytes and saves more than 8 to 16, which takes 80.
    for budget in (160, 200, 240, 280, 320):
        ours = sum(choice.loss for choice in spend(choices, budget).values())
        all_ways = product(*choices.values())
        best = min(sum(c.loss for c in way) for way in all_ways if sum(c.bytes for c in way) <= budget)
        assert ours <= best + 1e-12
