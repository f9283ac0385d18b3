namespace Ioasis.Memory;

/// <summary>
/// Memory of a program that is held once for everything that leads to it: a block of our own process, what the program
/// has mapped of a file, or its private memory.
/// </summary>
internal interface IHeldMemory
{
    /// <summary>
    /// What to ask for the bytes, by the program's addresses (<see cref="MemoryBacking.IsSpace"/>); null if they are
    /// mapped in our own process.
    /// </summary>
    MemoryBacking? Space => null;

    /// <summary>
    /// What to add to an address of the program's to get ours, if they are mapped here; 0 where they are the same.
    /// </summary>
    nint Shift { get; }

    /// <summary>Takes one more hold. The caller guarantees that somebody holds it meanwhile.</summary>
    void AddReference();

    /// <summary>Releases a hold.</summary>
    void Release();

    /// <summary>The location of the byte at an address of the program's, which is held.</summary>
    MemoryLocation LocationOf(ulong address);

    /// <summary>The program's address of a location. Somebody else's location has none.</summary>
    bool TryAddress(MemoryLocation location, out ulong address);
}
