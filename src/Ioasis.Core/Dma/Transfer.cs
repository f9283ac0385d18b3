using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Core.Dma;

/// <summary>
/// What an access does with the memory that its address leads to. A struct for each direction, so that one code serves
/// both without asking which at run time.
/// </summary>
internal interface ITransfer
{
    /// <summary>What the mapping must permit.</summary>
    static abstract MapAccess Needs { get; }

    /// <summary>Bytes in all.</summary>
    int Length { get; }

    /// <summary>Moves all bytes from or to an address of our own process.</summary>
    void All(nint host);

    /// <summary>Moves some bytes, from <paramref name="offset"/> on.</summary>
    void Part(nint host, int offset, int count);

    /// <summary>Moves some bytes from or to memory that has to be asked for them; false when it is gone.</summary>
    bool Part(MemoryBacking backing, ulong at, int offset, int count);
}

/// <summary>The device reads memory.</summary>
internal readonly ref struct ReadTransfer(Span<byte> destination) : ITransfer
{
    private readonly Span<byte> _destination = destination;

    public static MapAccess Needs => MapAccess.Read;

    public int Length => _destination.Length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void All(nint host) => HostMemory.Read(host, _destination);

    public void Part(nint host, int offset, int count) => HostMemory.Read(host, _destination.Slice(offset, count));

    public bool Part(MemoryBacking backing, ulong at, int offset, int count) =>
        backing.TryRead(at, _destination.Slice(offset, count));
}

/// <summary>The device writes memory.</summary>
internal readonly ref struct WriteTransfer(ReadOnlySpan<byte> source) : ITransfer
{
    private readonly ReadOnlySpan<byte> _source = source;

    public static MapAccess Needs => MapAccess.Write;

    public int Length => _source.Length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void All(nint host) => HostMemory.Write(host, _source);

    public void Part(nint host, int offset, int count) => HostMemory.Write(host, _source.Slice(offset, count));

    public bool Part(MemoryBacking backing, ulong at, int offset, int count) =>
        backing.TryWrite(at, _source.Slice(offset, count));
}
