using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Diagnostics.Check;

/// <summary>A mapping that is, or was, in an I/O address space.</summary>
/// <param name="Range">Its addresses.</param>
/// <param name="Access">What devices may do.</param>
/// <param name="Address">The address in the process, or the offset in the file, of its first byte.</param>
/// <param name="IsFile">Whether it is an offset in a file.</param>
/// <param name="Mapped">The call that mapped it.</param>
internal sealed record KnownMap(IovaRange Range, MapAccess Access, ulong Address, bool IsFile, CallSite? Mapped)
{
    /// <summary>What holds the memory: a process's memory, or a backing whose hint the address begins from.</summary>
    internal WeakReference Source { get; init; } = new(null);

    /// <summary>Whether a device has used it.</summary>
    internal bool IsUsed { get; set; }

    /// <summary>The call that unmapped it.</summary>
    internal CallSite? Unmapped { get; init; }

    /// <summary>When it was unmapped, in ticks of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    internal long UnmappedAt { get; init; }

    /// <summary>The part of it that has these addresses.</summary>
    internal KnownMap Part(ulong first, ulong last) => this with
    {
        Range = new IovaRange(first, last),
        Address = unchecked(Address + first - Range.First),
    };
}
