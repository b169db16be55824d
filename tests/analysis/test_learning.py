"""Learning that a test can see: prediction, weights, drift; and none of it where there is nothing to learn."""

from __future__ import annotations

import random
from math import exp, inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_analysis.bandit import Bandit
from midstream_analysis.drift import DriftDetector
from midstream_analysis.learning import MetaLearner
from midstream_analysis.markov import MAX_SYMBOLS, MarkovModel


def conversation(n: int, rng: random.Random) -> list[str]:
    """Greeted, then some exchanges of three kinds, then closed, again and again."""
    exchanges = [
        ["question", "answer"],
        ["question", "answer", "acknowledgment"],
        ["request", "answer", "thanks"],
    ]
    moves: list[str] = []
    while len(moves) < n:
        moves += ["greeting", "greeting"]
        for _ in range(rng.randint(2, 6)):
            moves += rng.choice(exchanges)
        moves += ["thanks", "closing"]
    return moves[:n]


def learnt(moves: list[str], **options: int) -> MetaLearner:
    learner = MetaLearner(**options)
    for move in moves:
        learner.observe(move)
    return learner


@pytest.mark.parametrize("seed", range(5))
def test_log_loss_falls_on_a_structured_conversation_and_beats_order_0(seed: int) -> None:
    learner, moves = MetaLearner(), conversation(400, random.Random(seed))
    losses = [learner.observe(move) for move in moves]
    assert sum(losses[-100:]) < 0.6 * sum(losses[:100])
    status = learner.status()
    assert status.log_loss is not None
    assert status.baseline_log_loss is not None
    assert status.log_loss == pytest.approx(sum(losses) / 400)
    assert status.log_loss < 0.5 * status.baseline_log_loss
    assert status.level >= 1
    assert status.drifts == 0


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_moves_are_not_predicted_and_it_says_so(seed: int) -> None:
    moves = conversation(400, rng := random.Random(seed))
    rng.shuffle(moves)
    status = learnt(moves).status()
    assert status.log_loss is not None
    assert status.baseline_log_loss is not None
    assert status.log_loss >= status.baseline_log_loss  # it does not beat it,
    assert status.log_loss < status.baseline_log_loss + 0.05  # and looking for structure cost next to nothing
    assert (status.level, status.drifts) == (0, 0)


def test_level_is_the_order_of_the_process() -> None:
    rng = random.Random(1)
    assert learnt(["a", "b"] * 100).status().level == 1
    parity = [rng.choice("ab") for _ in range(2)]
    for _ in range(600):  # the next is told by the last two together and by neither alone
        parity.append("ab"[(parity[-1] == parity[-2]) != (rng.random() < 0.1)])
    assert learnt(parity).status().level == 2


def test_the_next_move_is_predicted_with_its_probability() -> None:
    learner = MetaLearner()
    assert learner.predict() is None
    for _ in range(30):
        for move in ("greeting", "question", "answer"):
            learner.observe(move)
    move, probability = learner.predict() or ("", 0.0)
    assert move == learner.status().predicted_next == "greeting"
    assert 0.9 < probability < 1.0
    assert exp(-learner.observe("greeting")) == pytest.approx(probability)


def test_drift_forgets_the_transitions_that_no_longer_hold() -> None:
    rng = random.Random(3)
    learner = learnt(conversation(400, rng))
    before = learner.status()
    names = sorted(set(conversation(400, rng)))
    other = dict(zip(names, names[1:] + names[:1], strict=True))
    losses = [learner.observe(other[move]) for move in conversation(200, rng)]
    after = learner.status()
    assert (before.drifts, after.drifts) == (0, 1)
    assert after.log_loss is not None
    assert after.baseline_log_loss is not None
    assert after.log_loss < after.baseline_log_loss
    assert sum(losses[-50:]) < 0.5 * sum(losses[:50])


def test_weights_follow_rewards_and_rewards_that_drift() -> None:
    rng, learner = random.Random(4), MetaLearner(rng=random.Random(5))
    moves = conversation(200, rng)
    for move in moves:
        learner.observe(move, reward=rng.gauss(1.0 if move == "answer" else 0.0, 0.1))
    status = learner.status()
    assert status.weights[0][0] == "answer"
    assert sum(weight for _, weight in status.weights) == pytest.approx(1.0)
    assert status.average_reward == pytest.approx(moves.count("answer") / 200, abs=0.05)
    for move in conversation(200, rng):
        learner.observe(move, reward=rng.gauss(5.0 if move == "question" else 4.0, 0.1))
    status = learner.status()
    assert status.drifts == 1
    assert status.weights[0][0] == "question"


def test_content_is_remembered_and_everything_is_bounded() -> None:
    learner = MetaLearner(max_history=50)
    for i in range(500):
        learner.observe(f"move {i}", reward=float(i % 2), content=f"content {i}")
    status = learner.status()
    assert status.knowledge == 50
    assert status.transitions <= 150
    assert len(status.weights) <= 50
    learner.learn("content 499", 2.0)
    assert learner.status().knowledge == 50


def test_nothing_learnt_is_none() -> None:
    status = MetaLearner().status()
    assert (status.level, status.knowledge, status.transitions, status.drifts) == (0, 0, 0, 0)
    assert status.average_reward is status.predicted_next is status.predicted_probability is None
    assert status.log_loss is status.baseline_log_loss is status.regret is None


@pytest.mark.parametrize("reward", [nan, inf])
def test_a_reward_that_is_no_number_is_refused_before_anything_is_learnt(reward: float) -> None:
    learner = MetaLearner()
    with pytest.raises(ValueError, match="finite"):
        learner.observe("move", reward)
    with pytest.raises(ValueError, match="finite"):
        learner.learn("content", reward)
    assert learner.status() == MetaLearner().status()
    with pytest.raises(ValueError, match="max_history"):
        MetaLearner(0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=60), st.sampled_from([0.9, 1.0]))
def test_probabilities_are_a_distribution_and_match_the_loss(symbols: list[int], decay: float) -> None:
    model = MarkovModel(2, decay=decay)
    for symbol in symbols:
        shares = model.predict()
        assert all(0.0 < share < 1.0 for share in shares.values())
        new = 1.0 - sum(shares.values())
        assert new > 0.0
        assert exp(-model.update(symbol).mixture) == pytest.approx(shares.get(symbol, new))


def test_counts_are_witten_bell_and_survive_rescaling() -> None:
    plain = MarkovModel(1, decay=1.0)
    for symbol in "aab":
        plain.update(symbol)
    # Order 0 after a, a, b: two distinct in three, escape 2/5 to three alike (a, b, new).
    assert exp(-plain.update("a").orders[0]) == pytest.approx((2 + 2 / 3) / 5)
    quick = MarkovModel(1, decay=0.5, capacity=8)
    for i in range(5000):
        quick.update(i % 3)
    assert max(quick.predict(), key=quick.predict().__getitem__) == 5000 % 3
    hostile = MarkovModel(3, capacity=10)
    for i in range(1000):
        hostile.update(i)
    assert len(hostile.predict()) == MAX_SYMBOLS
    assert hostile.transitions <= 10


def test_thompson_sampling_finds_the_best_arm_and_regret_is_its_definition() -> None:
    rng, bandit = random.Random(6), Bandit(random.Random(7))
    assert bandit.regret is None
    assert bandit.weights == {}
    chosen = []
    for _ in range(500):
        arm = bandit.choose(["a", "b", "c"])
        chosen.append(arm)
        bandit.learn(arm, rng.gauss({"a": 0.0, "b": 1.0, "c": 0.5}[str(arm)], 0.5))
    assert chosen[-100:].count("b") > 90
    assert max(bandit.weights, key=bandit.weights.__getitem__) == "b"
    assert bandit.regret == pytest.approx(chosen.count("a") * 1.0 + chosen.count("c") * 0.5, rel=0.35)
    with pytest.raises(ValueError, match="nothing to choose"):
        bandit.choose([])


def test_the_detector_sees_a_lasting_shift_and_says_since_when() -> None:
    rng = random.Random(8)
    for side, shift, alarms in [("up", 2.0, 1), ("down", 2.0, 0), ("both", -2.0, 1), ("up", 0.0, 0)]:
        watch = DriftDetector(side=side)  # type: ignore[arg-type]
        found = [
            (i, since) for i in range(2000) if (since := watch.update(rng.gauss(shift * (i >= 1000), 1.0)))
        ]
        assert len(found) == alarms
        assert all(1000 < i < 1040 and abs(i + 1 - since - 1000) <= 10 for i, since in found)


def test_one_outlier_or_a_ripple_is_no_drift() -> None:
    watch = DriftDetector(floor=0.1)
    level = [1.0] * 100 + [1e9] + [1.0] * 100 + [1.01] * 100
    assert not any(watch.update(value) for value in level)
    assert any(watch.update(value) for value in [3.0] * 20)
