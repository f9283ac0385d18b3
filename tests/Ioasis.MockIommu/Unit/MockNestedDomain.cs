using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Units;
using Ioasis.MockIommu.Abi;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Unit;

/// <summary>
/// A first stage that translates nothing but has a cache of four entries, to be invalidated (Linux: struct
/// mock_iommu_domain_nested).
/// </summary>
internal sealed class MockNestedDomain : NestedDomain
{
    // Entries are written whole, so that no lock is needed to read one.
    private readonly uint[] _iotlb = new uint[MOCK_NESTED_DOMAIN_IOTLB_NUM];

    private MockNestedDomain(PagingDomain parent, MockViommu? viommu, uint iotlb) : base(parent, viommu) =>
        Array.Fill(_iotlb, iotlb);

    internal static IommuStatus Create(
        PagingDomain parent, MockViommu? viommu, PagingDomainOptions options, UserData data, out NestedDomain? domain)
    {
        domain = null;
        if ((options & ~PagingDomainOptions.Pasid) != 0 || data.Type != IOMMU_HWPT_DATA_SELFTEST)
            return IommuStatus.NotSupported;
        IommuStatus status = data.TryRead(IOMMU_HWPT_DATA_SELFTEST, IommuHwptSelftest.FirstVersion,
            out IommuHwptSelftest config);
        if (status == IommuStatus.Ok) domain = new MockNestedDomain(parent, viommu, config.Iotlb);
        return status;
    }

    /// <summary>Whether an entry of the cache is there and has a value.</summary>
    internal bool Holds(uint entry, uint value) => entry < _iotlb.Length && Volatile.Read(ref _iotlb[entry]) == value;

    protected override IommuStatus DropCaches(UserDataArray entries, out int done)
    {
        done = 0;
        if (entries.Type != IOMMU_HWPT_INVALIDATE_DATA_SELFTEST) return IommuStatus.Invalid;
        for (; done < entries.Count; done++)
        {
            IommuStatus status = entries.TryRead(IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, 8, done,
                out IommuHwptInvalidateSelftest entry);
            if (status != IommuStatus.Ok) return status;
            if ((entry.Flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL) != 0) return IommuStatus.NotSupported;
            if (entry.IotlbId >= _iotlb.Length) return IommuStatus.Invalid;
            if ((entry.Flags & IOMMU_TEST_INVALIDATE_FLAG_ALL) != 0) Array.Clear(_iotlb);
            else Volatile.Write(ref _iotlb[entry.IotlbId], 0);
        }

        return IommuStatus.Ok;
    }
}
