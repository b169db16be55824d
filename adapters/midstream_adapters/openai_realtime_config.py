"""How a program's Realtime session is set up, in the words of the present API and of the preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .base import Options
from .openai_realtime_target import MODEL
from .openai_realtime_values import Json


@dataclass(frozen=True, slots=True)
class RealtimeConfig:
    """What to connect to, and how the session is set up; what is None stays as the server has it.

    ``api_key`` and ``url`` are else those of the environment (``OPENAI_API_KEY``, ``OPENAI_BASE_URL``, and for a proxy
    ``MIDSTREAM_REALTIME_URL``, ``AGENTIC_FLOW_API_KEY``). ``output`` is what answers are made of (sound comes with its
    transcript); ``transcription`` the model that writes down what the user says; ``turn_detection`` the type of voice
    activity detection or its settings, "none" for none.
    """

    model: str = MODEL
    api_key: str | None = field(default=None, repr=False)
    url: str | None = None
    voice: str | None = None
    instructions: str | None = None
    output: Literal["text", "audio"] | None = None
    transcription: str | None = None
    turn_detection: Literal["server_vad", "semantic_vad", "none"] | Mapping[str, Any] | None = None
    stream: str = "openai-realtime"
    options: Options = field(default_factory=Options, repr=False)

    def session(self, preview: bool) -> Json:
        """The fields of a ``session.update``, as the present API has them or as the preview did."""
        told = self.turn_detection
        detection: dict[str, Any] = {}
        if told is not None:
            value = None if told == "none" else {"type": told} if isinstance(told, str) else dict(told)
            detection = {"turn_detection": value}
        transcription = {"model": self.transcription} if self.transcription else None
        fields: Json = {"instructions": self.instructions} if self.instructions is not None else {}
        if preview:
            if self.output:
                fields["modalities"] = ["text"] if self.output == "text" else ["text", "audio"]
            if self.voice:
                fields["voice"] = self.voice
            if transcription:
                fields["input_audio_transcription"] = transcription
            return fields | detection
        if self.output:
            fields["output_modalities"] = [self.output]
        heard = detection | ({"transcription": transcription} if transcription else {})
        sides = {"input": heard, "output": {"voice": self.voice} if self.voice else {}}
        if audio := {side: settings for side, settings in sides.items() if settings}:
            fields["audio"] = audio
        return fields
