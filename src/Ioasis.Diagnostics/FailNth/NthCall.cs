using System.Collections.Concurrent;
using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;
using Ioasis.Diagnostics.Injection;

namespace Ioasis.Diagnostics.FailNth;

/// <summary>Fails one call of a program, by its number among those that can fail; counts the others.</summary>
/// <param name="number">The call that fails, from 1; 0 for none.</param>
/// <param name="errno">The errno with which it fails.</param>
/// <param name="words">Which calls are counted.</param>
internal sealed class NthCall(long number, Errno errno, IReadOnlyList<string> words) : Injector
{
    // What gives something back never fails for want of memory, on Linux neither. They count where their own name is
    // among the words.
    private static readonly HashSet<string> s_givingBack =
    [
        "IOMMU_DESTROY", "IOMMU_IOAS_UNMAP", "VFIO_DEVICE_DETACH_IOMMUFD_PT", "VFIO_DEVICE_RESET",
        "VFIO_IOMMU_UNMAP_DMA", "VFIO_GROUP_UNSET_CONTAINER", "IOASIS_SVA_UNBIND", "IOASIS_SVA_FREE_PASID",
        "VFIO_DEVICE_PCI_HOT_RESET",
    ];

    private const int MostNames = 100_000;

    private readonly ConcurrentQueue<string> _names = new();
    private long _count;

    /// <inheritdoc/>
    public override InjectedFaults Faults => InjectedFaults.Call;

    /// <summary>How many calls were counted.</summary>
    internal long Count => Volatile.Read(ref _count);

    /// <summary>Where no call fails, what was counted, in its order; no more than the first hundred thousand.</summary>
    internal IReadOnlyList<string> Names => [.. _names];

    /// <summary>How reports call a call.</summary>
    internal static string NameOf(string path, string call) => $"{call} of {path}";

    /// <inheritdoc/>
    public override int FailCall(string path, string call)
    {
        bool counts = words.Any(word => InjectionWords.Has(word, path, call)
            && (word == call || !s_givingBack.Contains(call)));
        if (!counts) return 0;
        long its = Interlocked.Increment(ref _count);
        if (its == number) return (int)errno;
        if (number == 0 && its <= MostNames) _names.Enqueue(NameOf(path, call));
        return 0;
    }

    /// <inheritdoc/>
    protected override InjectedFaults Choose(InjectedFaults possible, Endpoint? device, ref TimeSpan delay) =>
        InjectedFaults.None;
}
