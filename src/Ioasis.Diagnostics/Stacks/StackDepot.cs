using System.Runtime.InteropServices;

namespace Ioasis.Diagnostics.Stacks;

/// <summary>
/// Keeps each stack once, as program counters. The same stack has the same number again. One thread at a time may use
/// it.
/// </summary>
/// <param name="most">How many stacks are kept at most.</param>
internal sealed class StackDepot(int most)
{
    private readonly Dictionary<Stack, int> _numbers = [];
    private readonly List<Stack> _stacks = [];

    /// <summary>How many stacks are kept.</summary>
    public int Count => _stacks.Count;

    /// <summary>Keeps a stack.</summary>
    /// <param name="program">The program whose code the program counters are in.</param>
    /// <param name="frames">The program counters, innermost first.</param>
    /// <returns>The stack's number; -1 if no more are kept.</returns>
    public int Add(object program, ReadOnlySpan<ulong> frames)
    {
        var stack = new Stack(program, frames.ToArray());
        if (_numbers.TryGetValue(stack, out int number)) return number;
        if (_stacks.Count == most) return -1;
        _stacks.Add(stack);
        return _numbers[stack] = _stacks.Count - 1;
    }

    /// <summary>The program of a stack.</summary>
    public object ProgramOf(int number) => _stacks[number].Program;

    /// <summary>The program counters of a stack, innermost first.</summary>
    public ReadOnlyMemory<ulong> FramesOf(int number) => _stacks[number].Frames;

    private readonly struct Stack(object program, ulong[] frames) : IEquatable<Stack>
    {
        internal object Program => program;

        internal ulong[] Frames => frames;

        public bool Equals(Stack other) => other.Program == program && other.Frames.AsSpan().SequenceEqual(frames);

        public override bool Equals(object? obj) => obj is Stack other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(frames.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
