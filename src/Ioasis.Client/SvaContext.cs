using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;
using static Ioasis.Abi.SvaH;

namespace Ioasis.Client;

/// <summary>
/// An open /dev/sva: the owner of PASIDs, each with a page table of whatever kind.
/// <see cref="VfioDevice.Attach(SvaContext, Pasid)"/> hands one to a device. Closing it gives all back. No Linux kernel
/// has this node.
/// </summary>
public sealed class SvaContext : NodeClient
{
    /// <summary>The node's path.</summary>
    public const string Path = "/dev/sva";

    private SvaContext(NodeTransport nodes, NodeHandle handle) : base(nodes, handle)
    {
    }

    /// <summary>Opens /dev/sva.</summary>
    /// <exception cref="IommuException">It cannot be opened.</exception>
    public static SvaContext Open(NodeTransport nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        return new SvaContext(nodes, nodes.Open(Path));
    }

    /// <summary>Allocates the lowest free PASID of a range, both ends included.</summary>
    /// <exception cref="IommuException">Refused: EINVAL no range, ENOMEM the quota is reached, ENOSPC none is
    /// free.</exception>
    public Pasid AllocatePasid(uint first = 1, uint last = Pasid.MaxValue)
    {
        var arguments = new IoasisSvaAllocPasid { Size = SizeOf<IoasisSvaAllocPasid>(), First = first, Last = last };
        Must(TryIoctl(IOASIS_SVA_ALLOC_PASID, ref arguments), $"allocation of a PASID from {first} to {last}");
        return new Pasid(arguments.OutPasid);
    }

    /// <summary>Frees a PASID. No device uses its page table any more when this returns.</summary>
    /// <exception cref="IommuException">Refused: ENOENT not one of this context's.</exception>
    public void FreePasid(Pasid pasid)
    {
        var arguments = new IoasisSvaFreePasid { Size = SizeOf<IoasisSvaFreePasid>(), Pasid = pasid.Value };
        Must(TryIoctl(IOASIS_SVA_FREE_PASID, ref arguments), $"freeing of PASID {pasid}");
    }

    /// <summary>
    /// Makes this process's memory a PASID's page table: devices that send the PASID use the process's own pointers.
    /// However often it is bound, it has one PASID here, and each binding is undone by one <see cref="Unbind"/>.
    /// </summary>
    /// <param name="pasid">Which one; null for the one that the process has already, or a new one that goes with the
    /// binding.</param>
    /// <exception cref="IommuException">Refused: EEXIST the process has another, EBUSY the PASID has another page
    /// table, ENOENT, ENOMEM.</exception>
    public Pasid BindProcess(Pasid? pasid = null)
    {
        var arguments = new IoasisSvaBindProcess { Size = SizeOf<IoasisSvaBindProcess>(), Pasid = pasid?.Value ?? 0 };
        Must(TryIoctl(IOASIS_SVA_BIND_PROCESS, ref arguments), "binding of the process");
        return new Pasid(arguments.Pasid);
    }

    /// <summary>Makes an IOAS a PASID's page table.</summary>
    /// <param name="pasid">One of this context's, without page table.</param>
    /// <param name="ioas">The IOAS.</param>
    /// <param name="faults">A queue of this context's for page requests; null to have them refused.</param>
    /// <exception cref="IommuException">Refused: EBUSY the PASID has a page table, ENOENT, or what a device of it
    /// says.</exception>
    public void Bind(Pasid pasid, Ioas ioas, FaultQueue? faults = null)
    {
        ArgumentNullException.ThrowIfNull(ioas);
        Bind(pasid, ioas, IommufdH.IOMMU_HWPT_DATA_NONE, [], faults);
    }

    /// <summary>Makes a HWPT a PASID's page table; its page requests go where it was made to bring them.</summary>
    /// <param name="pasid">One of this context's, without page table.</param>
    /// <param name="hwpt">One that was made with IOMMU_HWPT_ALLOC_PASID.</param>
    /// <exception cref="IommuException">Refused: EINVAL it is not for PASIDs, or as above.</exception>
    public void Bind(Pasid pasid, Hwpt hwpt)
    {
        ArgumentNullException.ThrowIfNull(hwpt);
        Bind(pasid, hwpt, IommufdH.IOMMU_HWPT_DATA_NONE, [], null);
    }

    /// <summary>Makes a first stage of the caller's own a PASID's page table.</summary>
    /// <param name="pasid">One of this context's, without page table.</param>
    /// <param name="parent">The second stage: a HWPT that was made with IOMMU_HWPT_ALLOC_NEST_PARENT.</param>
    /// <param name="firstStage">Where its root is in the parent's addresses, and how it is walked.</param>
    /// <param name="faults">A queue of this context's for page requests; null to have them refused.</param>
    /// <exception cref="IommuException">Refused: EINVAL the parent is none, EOPNOTSUPP, or as above.</exception>
    public void Bind(Pasid pasid, Hwpt parent, in IommuHwptVtdS1 firstStage, FaultQueue? faults = null)
    {
        ArgumentNullException.ThrowIfNull(parent);
        Bind(pasid, parent, IommufdH.IOMMU_HWPT_DATA_VTD_S1,
            MemoryMarshal.AsBytes(new ReadOnlySpan<IommuHwptVtdS1>(in firstStage)), faults);
    }

    /// <summary>Undoes one binding; with the last, no device uses the page table any more when this returns.</summary>
    /// <exception cref="IommuException">Refused: ENOENT the PASID has no page table, or is not one of this
    /// context's.</exception>
    public void Unbind(Pasid pasid)
    {
        var arguments = new IoasisSvaUnbind { Size = SizeOf<IoasisSvaUnbind>(), Pasid = pasid.Value };
        Must(TryIoctl(IOASIS_SVA_UNBIND, ref arguments), $"unbinding of PASID {pasid}");
    }

    /// <summary>
    /// Invalidates what a unit keeps of a PASID's first stage, as <see cref="NestedHwpt.Invalidate"/> does.
    /// </summary>
    /// <param name="pasid">One of this context's, with a first stage.</param>
    /// <param name="at">First address, a multiple of 4 KiB.</param>
    /// <param name="pages">How many pages of 4 KiB; null for all there are, from address 0 on.</param>
    /// <param name="leafOnly">Whether only leaves were changed, no entry that leads to a table.</param>
    /// <exception cref="IommuException">Refused: EINVAL misaligned, or no first stage; ENOENT.</exception>
    public void Invalidate(Pasid pasid, Iova at, ulong? pages, bool leafOnly = false)
    {
        UserMemory entry = Nodes.Rent((int)SizeOf<IommuHwptVtdS1Invalidate>());
        try
        {
            entry.Write(0, new IommuHwptVtdS1Invalidate
            {
                Addr = at.Value,
                Npages = pages ?? ulong.MaxValue,
                Flags = leafOnly ? IommufdH.IOMMU_VTD_INV_FLAGS_LEAF : 0,
            });
            var arguments = new IoasisSvaInvalidate
            {
                Size = SizeOf<IoasisSvaInvalidate>(),
                Pasid = pasid.Value,
                DataUptr = entry.Address.Value,
                DataType = IommufdH.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
                EntryLen = SizeOf<IommuHwptVtdS1Invalidate>(),
                EntryNum = 1,
            };
            Must(TryIoctl(IOASIS_SVA_INVALIDATE, ref arguments), $"invalidation of PASID {pasid} from {at} on");
        }
        finally
        {
            Nodes.Return(entry);
        }
    }

    /// <summary>Makes a queue for page requests (IOMMU_FAULT_QUEUE_ALLOC).</summary>
    /// <exception cref="IommuException">Refused: ENOMEM, EMFILE.</exception>
    public FaultQueue AllocateFaultQueue() => FaultQueue.Allocate(this);

    /// <summary>How many PASIDs it may have.</summary>
    /// <exception cref="IommuException">Refused: EPERM more than it began with, without CAP_SYS_RESOURCE.</exception>
    public int Quota
    {
        get => (int)CallQuota(IOASIS_SVA_QUOTA_GET, 0).Quota;
        set => CallQuota(IOASIS_SVA_QUOTA_SET, (uint)value);
    }

    /// <summary>How many PASIDs it has.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int PasidCount => (int)CallQuota(IOASIS_SVA_QUOTA_GET, 0).OutCount;

    private IoasisSvaQuota CallQuota(uint operation, uint quota)
    {
        var arguments = new IoasisSvaQuota { Size = SizeOf<IoasisSvaQuota>(), Op = operation, Quota = quota };
        Must(TryIoctl(IOASIS_SVA_QUOTA, ref arguments),
            operation == IOASIS_SVA_QUOTA_SET ? $"setting of the quota to {quota}" : "reading of the quota");
        return arguments;
    }

    private void Bind(Pasid pasid, IommuObject table, uint type, ReadOnlySpan<byte> description, FaultQueue? faults)
    {
        UserMemory data = Nodes.Rent(description.Length);
        try
        {
            data.CopyFrom(0, description);
            var arguments = new IoasisSvaBindTable
            {
                Size = SizeOf<IoasisSvaBindTable>(),
                Flags = faults is null ? 0 : IOASIS_SVA_BIND_FAULT_ID_VALID,
                Pasid = pasid.Value,
                Iommufd = table.Context.Handle.Descriptor,
                PtId = table.Id,
                DataType = type,
                DataLen = (uint)description.Length,
                FaultId = faults?.Id ?? 0,
                DataUptr = data.Address.Value,
            };
            Must(TryIoctl(IOASIS_SVA_BIND_TABLE, ref arguments), $"binding of PASID {pasid} to object {table.Id}");
        }
        finally
        {
            Nodes.Return(data);
        }
    }

    private static void Must(SysResult result, string what)
    {
        if (!result.IsOk) throw new IommuException(result.Errno, what);
    }
}
