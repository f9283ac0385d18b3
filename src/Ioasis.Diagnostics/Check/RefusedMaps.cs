using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Diagnostics.Check;

/// <summary>The mappings at given addresses that were refused last. The checker's lock guards it.</summary>
internal sealed class RefusedMaps : MachineObserver
{
    private const int Most = 256;

    private readonly Queue<RefusedMap> _refused = [];

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (call.Result >= 0 || call.File is not IommufdContext context
            || !TryRead(call, out uint? ioas, out ulong iova, out ulong length) || length == 0
            || !new Iova(iova).TryLast(length, out Iova last)) return;
        if (_refused.Count == Most) _refused.Dequeue();
        _refused.Enqueue(new RefusedMap(new WeakReference(context.Objects), ioas, new IovaRange(iova, last.Value),
            (Errno)(-call.Result), CallSites.Of(call)));
    }

    /// <summary>What a call was to map, and in which IOAS; null for the one that a container has.</summary>
    private static bool TryRead(NodeCall call, out uint? ioas, out ulong iova, out ulong length)
    {
        (ioas, iova, length) = (null, 0, 0);
        switch (call.CommandName)
        {
            case "IOMMU_IOAS_MAP" when call.Before.Length >= Marshal.SizeOf<IommuIoasMap>():
                IommuIoasMap map = MemoryMarshal.Read<IommuIoasMap>(call.Before);
                (ioas, iova, length) = (map.IoasId, map.Iova, map.Length);
                return (map.Flags & IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA) != 0;
            case "VFIO_IOMMU_MAP_DMA" when call.Before.Length >= Marshal.SizeOf<VfioIommuType1DmaMap>():
                VfioIommuType1DmaMap old = MemoryMarshal.Read<VfioIommuType1DmaMap>(call.Before);
                (iova, length) = (old.Iova, old.Size);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The refused mapping that would have given an address of a domain memory; null for none.</summary>
    internal RefusedMap? Find(IommuDomain domain, ulong address) => domain.Space is IommufdIoas ioas
        ? _refused.LastOrDefault(r => (r.Ioas ?? ioas.Id) == ioas.Id && r.Objects.Target == ioas.Objects
            && address >= r.Range.First && address <= r.Range.Last)
        : null;
}

/// <summary>A mapping that was refused.</summary>
/// <param name="Objects">The objects of the context.</param>
/// <param name="Ioas">The IOAS; null for a container's.</param>
/// <param name="Range">The addresses.</param>
/// <param name="Errno">Why.</param>
/// <param name="Call">The call.</param>
internal sealed record RefusedMap(WeakReference Objects, uint? Ioas, IovaRange Range, Errno Errno, CallSite Call);
