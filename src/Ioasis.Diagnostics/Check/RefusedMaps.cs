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
    public override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (call.Result >= 0 || call.CommandName != "IOMMU_IOAS_MAP" || call.File is not IommufdContext context
            || call.Before.Length < Marshal.SizeOf<IommuIoasMap>()) return;
        IommuIoasMap map = MemoryMarshal.Read<IommuIoasMap>(call.Before);
        if ((map.Flags & IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA) == 0 || map.Length == 0
            || !new Iova(map.Iova).TryLast(map.Length, out Iova last)) return;
        if (_refused.Count == Most) _refused.Dequeue();
        _refused.Enqueue(new RefusedMap(new WeakReference(context.Objects), map.IoasId,
            new IovaRange(map.Iova, last.Value), (Errno)(-call.Result), CallSites.Of(call)));
    }

    /// <summary>The refused mapping that would have given an address of a domain memory; null for none.</summary>
    internal RefusedMap? Find(IommuDomain domain, ulong address) => domain.Space is IommufdIoas ioas
        ? _refused.LastOrDefault(r => r.Ioas == ioas.Id && r.Objects.Target == ioas.Objects
            && address >= r.Range.First && address <= r.Range.Last)
        : null;
}

/// <summary>A mapping that was refused.</summary>
/// <param name="Objects">The objects of the context.</param>
/// <param name="Ioas">The IOAS.</param>
/// <param name="Range">The addresses.</param>
/// <param name="Errno">Why.</param>
/// <param name="Call">The call.</param>
internal sealed record RefusedMap(WeakReference Objects, uint Ioas, IovaRange Range, Errno Errno, CallSite Call);
