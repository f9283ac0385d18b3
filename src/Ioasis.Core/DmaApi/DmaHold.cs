using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>What keeps the memory of a mapping where it is: a pin, or a hold on native memory.</summary>
internal struct DmaHold
{
    private readonly DmaMemory? _memory;
    private PinnedMemory _pin;

    internal DmaHold(DmaMemory memory)
    {
        memory.Hold();
        _memory = memory;
    }

    internal DmaHold(PinnedMemory pin) => _pin = pin;

    /// <summary>Whether the pages around the buffer belong to the same native memory.</summary>
    internal readonly bool IsWhole => _memory is not null;

    internal void Release()
    {
        _memory?.Release();
        if (_memory is null) _pin.Dispose();
    }
}
