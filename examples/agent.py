"""The agent on its own: custom patterns, sequence comparison, behaviour. ``python examples/agent.py``."""

from midstream_tui import MidStreamDashboard


def main(dashboard: MidStreamDashboard | None = None) -> dict[str, object]:
    dashboard = dashboard or MidStreamDashboard()

    # Pre-configured: max_history 1000, embedding_dim 3, scheduling_policy "EDF"
    agent = dashboard.agent

    # Detect a custom pattern
    conversation = ["greeting", "question", "answer", "thanks", "greeting", "question", "answer", "closing"]
    positions = agent.detect_pattern(conversation, ["greeting", "question", "answer"])
    print(f"Pattern found at positions: {positions}")

    # Compare two sequences
    similarity = agent.compare_sequences([1.0, 2.0, 3.0, 2.0], [1.0, 2.0, 2.0, 3.0, 2.0], "dtw")
    print(f"Similarity: {similarity * 100:.1f}%")

    # Analyze behaviour: five rewards are too few for a verdict, and it says so
    analysis = agent.analyze_behavior([0.8, 0.85, 0.83, 0.87, 0.84])
    print(f"Attractor: {analysis.attractor_type}")
    print(f"Lyapunov: {analysis.lyapunov_exponent}")
    print(f"Stable: {analysis.is_stable}")
    print(f"Chaotic: {analysis.is_chaotic}")
    print(f"Why: {analysis.reason}")
    return {"positions": positions, "similarity": similarity, "analysis": analysis}


if __name__ == "__main__":
    main()
