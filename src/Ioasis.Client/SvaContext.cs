using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;
using static Ioasis.Abi.SvaH;

namespace Ioasis.Client;

/// <summary>
/// An open /dev/sva: the owner of PASIDs, each with a page table of any kind.
/// <see cref="VfioDevice.Attach(SvaContext, Pasid)"/> attaches a device to one. Closing it releases all. Linux has no
/// such node.
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

    /// <summary>Allocates the lowest free PASID of a range, both ends inclusive.</summary>
    /// <exception cref="IommuException">EINVAL if the range is wrong, ENOMEM if the quota is used up, ENOSPC if none is
    /// free.</exception>
    public Pasid AllocatePasid(uint first = 1, uint last = Pasid.MaxValue)
    {
        var arguments = new IoasisSvaAllocPasid { Size = SizeOf<IoasisSvaAllocPasid>(), First = first, Last = last };
        Must(TryIoctl(IOASIS_SVA_ALLOC_PASID, ref arguments), $"allocation of a PASID from {first} to {last}");
        return new Pasid(arguments.OutPasid);
    }

    /// <summary>Frees a PASID. After it returns no device uses the PASID's page table.</summary>
    /// <exception cref="IommuException">ENOENT if it is not one of this context's.</exception>
    public void FreePasid(Pasid pasid)
    {
        var arguments = new IoasisSvaFreePasid { Size = SizeOf<IoasisSvaFreePasid>(), Pasid = pasid.Value };
        Must(TryIoctl(IOASIS_SVA_FREE_PASID, ref arguments), $"freeing of PASID {pasid}");
    }

    /// <summary>
    /// Makes this process's memory a PASID's page table: devices that send the PASID use the process's own pointers.
    /// The process has one PASID here however often it is bound. Each <see cref="Unbind"/> undoes one binding.
    /// </summary>
    /// <param name="pasid">The PASID. Null for the one that the process has; if it has none, a new one, which is freed
    /// with the binding.</param>
    /// <exception cref="IommuException">EEXIST if the process has another PASID, EBUSY if the PASID has another page
    /// table, ENOENT, ENOMEM.</exception>
    public Pasid BindProcess(Pasid? pasid = null)
    {
        var arguments = new IoasisSvaBindProcess { Size = SizeOf<IoasisSvaBindProcess>(), Pasid = pasid?.Value ?? 0 };
        Must(TryIoctl(IOASIS_SVA_BIND_PROCESS, ref arguments), "binding of the process");
        return new Pasid(arguments.Pasid);
    }

    /// <summary>Makes an IOAS a PASID's page table.</summary>
    /// <param name="pasid">One of this context's PASIDs, without a page table.</param>
    /// <param name="ioas">The IOAS.</param>
    /// <param name="faults">One of this context's queues, for page requests; null refuses them.</param>
    /// <exception cref="IommuException">EBUSY if the PASID has a page table, ENOENT, or the error of a device that uses
    /// it.</exception>
    public void Bind(Pasid pasid, Ioas ioas, FaultQueue? faults = null)
    {
        ArgumentNullException.ThrowIfNull(ioas);
        Bind(pasid, ioas, IommufdH.IOMMU_HWPT_DATA_NONE, [], faults);
    }

    /// <summary>Makes a HWPT a PASID's page table. Page requests go to the HWPT's own queue.</summary>
    /// <param name="pasid">One of this context's PASIDs, without a page table.</param>
    /// <param name="hwpt">A HWPT made with IOMMU_HWPT_ALLOC_PASID.</param>
    /// <exception cref="IommuException">EINVAL if it was made without that flag, or as for an IOAS.</exception>
    public void Bind(Pasid pasid, Hwpt hwpt)
    {
        ArgumentNullException.ThrowIfNull(hwpt);
        Bind(pasid, hwpt, IommufdH.IOMMU_HWPT_DATA_NONE, [], null);
    }

    /// <summary>Makes a first stage of the caller's own a PASID's page table.</summary>
    /// <param name="pasid">One of this context's PASIDs, without a page table.</param>
    /// <param name="parent">The second stage: a HWPT made with IOMMU_HWPT_ALLOC_NEST_PARENT.</param>
    /// <param name="firstStage">The address and format of its tables, in the structure of the IOMMU's kind.</param>
    /// <param name="faults">One of this context's queues, for page requests; null refuses them.</param>
    /// <exception cref="IommuException">EINVAL if the parent is no nest parent, EOPNOTSUPP, or as for an
    /// IOAS.</exception>
    public void Bind<T>(Pasid pasid, Hwpt parent, in T firstStage, FaultQueue? faults = null)
        where T : unmanaged, IHwptData
    {
        ArgumentNullException.ThrowIfNull(parent);
        Bind(pasid, parent, T.DataType, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in firstStage)), faults);
    }

    /// <summary>Undoes one binding. After the last one is undone no device uses the page table.</summary>
    /// <exception cref="IommuException">ENOENT if the PASID has no page table, or is not one of this
    /// context's.</exception>
    public void Unbind(Pasid pasid)
    {
        var arguments = new IoasisSvaUnbind { Size = SizeOf<IoasisSvaUnbind>(), Pasid = pasid.Value };
        Must(TryIoctl(IOASIS_SVA_UNBIND, ref arguments), $"unbinding of PASID {pasid}");
    }

    /// <summary>
    /// Invalidates the IOMMU's caches of a PASID's first stage, as <see cref="NestedHwpt.Invalidate"/> does.
    /// </summary>
    /// <param name="pasid">One of this context's PASIDs, with a first stage.</param>
    /// <param name="entry">The invalidation, in the structure of the IOMMU's kind.</param>
    /// <exception cref="IommuException">EINVAL, also for a first stage of another kind; ENOENT.</exception>
    public void Invalidate<T>(Pasid pasid, in T entry) where T : unmanaged, IHwptInvalidation
    {
        UserMemory memory = Nodes.Rent((int)SizeOf<T>());
        try
        {
            memory.Write(0, entry);
            var arguments = new IoasisSvaInvalidate
            {
                Size = SizeOf<IoasisSvaInvalidate>(),
                Pasid = pasid.Value,
                DataUptr = memory.Address.Value,
                DataType = T.DataType,
                EntryLen = SizeOf<T>(),
                EntryNum = 1,
            };
            Must(TryIoctl(IOASIS_SVA_INVALIDATE, ref arguments), $"invalidation of PASID {pasid}");
        }
        finally
        {
            Nodes.Return(memory);
        }
    }

    /// <summary>Makes a queue for page requests (IOMMU_FAULT_QUEUE_ALLOC).</summary>
    /// <exception cref="IommuException">ENOMEM, EMFILE.</exception>
    public FaultQueue AllocateFaultQueue() => FaultQueue.Allocate(this);

    /// <summary>Reads the most PASIDs that the context may have.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int GetQuota() => (int)CallQuota(IOASIS_SVA_QUOTA_GET, 0).Quota;

    /// <summary>Sets the most PASIDs that the context may have.</summary>
    /// <exception cref="IommuException">EPERM when raised above its initial value without CAP_SYS_RESOURCE.</exception>
    public void SetQuota(int quota) => CallQuota(IOASIS_SVA_QUOTA_SET, (uint)quota);

    /// <summary>Counts the PASIDs that the context has.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int CountPasids() => (int)CallQuota(IOASIS_SVA_QUOTA_GET, 0).OutCount;

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
        if (!result.IsOk) throw new IommuException(result, what);
    }
}
