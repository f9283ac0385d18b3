using System.Diagnostics;

namespace Ioasis.Core.Observation;

/// <summary>When an event happened.</summary>
/// <param name="Sequence">Counts the events of the machine from 1. Numbers that an observer misses are other
/// observers'.</param>
/// <param name="Timestamp">The time in ticks of <see cref="Stopwatch"/>.</param>
/// <param name="Call">The program's call in which it happened (<see cref="NodeCall.Number"/>); 0 for none.</param>
public readonly record struct EventStamp(long Sequence, long Timestamp, long Call);
