"""The scripts that the simulator plays: (role, text), beginning with the user, user and assistant in turn."""

from __future__ import annotations

Script = tuple[tuple[str, str], ...]


def _script(*lines: str) -> Script:
    return tuple(("user" if i % 2 == 0 else "assistant", line) for i, line in enumerate(lines))


SCRIPTS: tuple[Script, ...] = (
    _script(
        "Hi there!",
        "Hello! Good to see you. What are you working on today?",
        "Can you explain what a Lyapunov exponent tells me?",
        "It measures how fast two nearby states drift apart. If it is positive, small errors grow exponentially and "
        "the system is hard to predict; if it is negative, they die out.",
        "And what if it is zero?",
        "Then neighbours keep their distance on average, as they do on a periodic or quasi-periodic orbit. In "
        "practice noise blurs it, so look at the confidence too.",
        "OK, that makes sense.",
        "Great. Shall I show you how to estimate it from a short series?",
        "Yes, please.",
        "Embed the series with a delay, pick each point's nearest neighbour, follow both, and fit a line to the mean "
        "log distance. The slope is your estimate.",
        "Thanks a lot, that helped.",
        "You're welcome! Good luck with the measurements.",
        "Bye!",
        "Goodbye, and have a good day.",
    ),
    _script(
        "Good morning. My build fails since yesterday.",
        "Good morning! What does the first error say?",
        "It says the linker can't find libssl.",
        "Then the headers or the library are missing, or they moved. Which system is the build running on?",
        "Debian 12, in a container.",
        "Please install the package libssl-dev in the image and build again. The runtime package alone has no linker "
        "symlink.",
        "Will do. Does the base image matter?",
        "Yes. The slim image leaves out development packages, and a new tag may have dropped what you relied on. Pin "
        "the digest to be safe.",
        "Got it. It builds now.",
        "Glad to hear it. Do you want a check in CI that catches this earlier?",
        "No, that's fine for now. Thank you!",
        "Any time. Have a good one!",
    ),
    _script(
        "Hello, could you help me plan a dinner for six?",
        "Hello! Gladly. Does anybody avoid certain foods?",
        "Two are vegetarian, and one doesn't eat nuts.",
        "Then how about a mushroom risotto with roasted squash, a green salad with lemon, and poached pears? All of it "
        "is free of meat and nuts.",
        "Sounds lovely. How long does the risotto take?",
        "About thirty-five minutes from the first onion to the last ladle, and it wants you at the stove for twenty of "
        "them.",
        "Could you write a shopping list?",
        "Sure: 500 g of arborio rice, 600 g of mushrooms, one squash, two onions, 1.5 l of vegetable stock, parmesan, "
        "butter, lemons, salad leaves, and six pears.",
        "Perfect, thanks.",
        "You're very welcome. Enjoy the evening!",
    ),
    _script(
        "Hey, I have a question about my stream.",
        "Hey! Go ahead.",
        "Why does the picture freeze every ten seconds or so?",
        "A freeze at regular intervals often comes from the encoder: a keyframe is much larger than the frames around "
        "it, and the link can't carry the peak.",
        "How can I check that?",
        "Watch the bitrate and the frame gap together. If each freeze follows a burst of bytes, it is the keyframe.",
        "You're right, there is a spike each time.",
        "Then set a rate limit with a small buffer in the encoder, or lengthen the keyframe interval to four seconds.",
        "What buffer size would you use?",
        "Start with one second of the target bitrate and halve it while quality holds.",
        "It runs smoothly now. Thanks so much!",
        "Happy to help. See you on the air!",
        "See you!",
        "Take care.",
    ),
    _script(
        "Hi, please summarise this for me: the committee met on Tuesday, moved the launch to May, and asked for a "
        "second security review.",
        "In short: the launch is now in May, and a second security review comes first.",
        "Who has to do the review?",
        "The text doesn't say. It only tells that the committee asked for one.",
        "Okay. Draft a mail that asks them, would you?",
        "Dear all, thank you for Tuesday's meeting. Could you let me know who will carry out the second security "
        "review, and by when? Best regards.",
        "Make it a bit less formal.",
        "Hi all, thanks for Tuesday! Quick question: who takes the second security review, and when can we expect it? "
        "Cheers.",
        "Nice, I'll send that one.",
        "Sounds good. Anything else I can do?",
        "No, that was all. Goodbye.",
        "Goodbye!",
    ),
    _script(
        "Good evening!",
        "Good evening! How can I help you?",
        "What's the difference between a list and a tuple in Python?",
        "A list can change, a tuple can't. That is why a tuple can be a dictionary key, and why it suits records of a "
        "fixed shape.",
        "Is a tuple faster as well?",
        "Slightly: it is made faster and takes less memory, but you will rarely notice. Choose by meaning.",
        "I see. Show me an example with a named tuple.",
        "Here is one: from typing import NamedTuple; class Point(NamedTuple): x: float; y: float. Then Point(1, 2).x "
        "gives 1.",
        "And could I use a dataclass instead?",
        "You could. With frozen=True and slots=True it is just as light, and it doesn't pretend to be a sequence.",
        "Great explanation, thank you.",
        "My pleasure. Have fun coding!",
        "Good night.",
        "Good night!",
    ),
)
