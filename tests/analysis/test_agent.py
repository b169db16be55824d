"""The agent: one object over moves, patterns, behaviour and learning; real, or insufficient data with the reason."""

from __future__ import annotations

import threading
from math import nan

import numpy as np
import pytest

from midstream_analysis.agent import MidStreamAgent
from midstream_analysis.report import Attractor


def test_the_specifications_five_rewards_are_too_few_and_it_says_so() -> None:
    analysis = MidStreamAgent().analyze_behavior([0.8, 0.85, 0.83, 0.87, 0.84])
    assert analysis.attractor_type is Attractor.UNKNOWN
    assert analysis.lyapunov_exponent is analysis.is_stable is None
    assert not analysis.is_chaotic
    assert (analysis.n, analysis.confidence) == (5, 0.0)
    assert analysis.average_reward == pytest.approx(0.838)
    assert "5 samples" in analysis.reason
    assert "64" in analysis.reason


def test_behaviour_of_rewards_that_were_given() -> None:
    agent = MidStreamAgent()
    nothing = agent.analyze_behavior()
    assert (nothing.n, nothing.average_reward, nothing.reason) == (0, None, "no rewards yet")
    x = 0.4
    for i in range(400):
        x = 3.9 * x * (1 - x)
        agent.process_message(f"message {i}", reward=x)
    analysis = agent.analyze_behavior()
    assert analysis.attractor_type is Attractor.CHAOTIC
    assert analysis.is_chaotic
    assert analysis.n == 400
    assert agent.phase_portrait().shape[1] == 3
    with pytest.raises(ValueError, match="NaN"):
        agent.analyze_behavior([1.0, nan])


def test_patterns_and_similarities() -> None:
    agent = MidStreamAgent()
    moves = ["greeting", "question", "answer", "question", "answer", "greeting", "question", "answer"]
    assert agent.detect_pattern(moves, ["greeting", "question", "answer"]) == [0, 5]
    assert agent.compare_sequences([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 1.0
    assert agent.compare_sequences("kitten", "sitting", "edit") == pytest.approx(4 / 7)


def test_learning_follows_rewards_and_reset_forgets() -> None:
    agent = MidStreamAgent()
    for i in range(30):
        agent.learn(("question", "answer"), 1.0 + 0.01 * (i % 2))
        agent.learn(("request", "answer"), 0.0 + 0.01 * (i % 2))
    status = agent.meta_learning
    assert status.weights[0][0] == str(("question", "answer"))
    assert status.knowledge == 2
    assert agent.status.average_reward == pytest.approx(0.505)
    agent.reset()
    assert agent.meta_learning == MidStreamAgent().meta_learning
    assert agent.status == MidStreamAgent().status


def test_history_is_bounded() -> None:
    agent = MidStreamAgent(max_history=10)
    for i in range(25):
        agent.process_message(f"message {i}", reward=float(i))
    status = agent.status
    assert (status.messages, status.history, status.rewards) == (25, 10, 10)
    assert status.average_reward == pytest.approx(np.mean(range(15, 25)))
    assert agent.analyze_behavior().n == len(agent.analyze_conversation().moves) == 10


def test_errors_are_clear() -> None:
    agent = MidStreamAgent()
    for call in (
        lambda: agent.process_message(b"bytes"),  # type: ignore[arg-type]
        lambda: agent.process_message("text", reward=nan),
        lambda: agent.learn("text", nan),
        lambda: agent.learn(["a list"], 1.0),  # type: ignore[arg-type]
        lambda: agent.detect_pattern("abc", ""),
        lambda: MidStreamAgent(max_history=0),
        lambda: MidStreamAgent(embedding_dim=0),
        lambda: MidStreamAgent(scheduling_policy="LIFO"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError):
            call()
    assert agent.status == MidStreamAgent().status


def test_threads_may_share_it() -> None:
    agent = MidStreamAgent()

    def talk() -> None:
        for i in range(50):
            agent.process_message(f"message {i}", reward=0.5)
            agent.meta_learning  # noqa: B018

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert agent.status.messages == agent.status.rewards == 200


def test_its_engine_has_its_policy() -> None:
    engine = MidStreamAgent(scheduling_policy="FIFO").engine(print, max_streams=2)
    assert engine.status.policy == "FIFO"
    assert not engine.status.alive
