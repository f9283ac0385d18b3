using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Tests.Fuzz;

/// <summary>Plain memory behind an open file.</summary>
internal sealed class PlainCarrier : ICarrier
{
    // Guards the parts. Nothing else is locked while it is held.
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, HostBlock> _parts = [];

    public SharedBytes Map(ulong offset, ulong length)
    {
        lock (_lock)
        {
            if (!_parts.TryGetValue(offset, out HostBlock? part)) _parts[offset] = part = new HostBlock(length);
            return part;
        }
    }

    public void Free(ulong offset, ulong length)
    {
        lock (_lock) _parts.Remove(offset);
    }

    public bool IsMapped(ulong offset, ulong length) => false;
}
