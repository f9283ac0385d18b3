using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>
/// An open /dev/iommu: the owner of the I/O address spaces and page tables that are made through it. Closing it
/// releases all of them.
/// </summary>
public sealed class IommuContext : NodeClient
{
    /// <summary>The node's path.</summary>
    public const string Path = "/dev/iommu";

    private IommuContext(NodeTransport nodes, NodeHandle handle) : base(nodes, handle)
    {
    }

    /// <summary>Opens /dev/iommu.</summary>
    /// <exception cref="IommuException">It cannot be opened.</exception>
    public static IommuContext Open(NodeTransport nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        return new IommuContext(nodes, nodes.Open(Path));
    }

    /// <summary>Makes an empty I/O address space (IOMMU_IOAS_ALLOC).</summary>
    /// <exception cref="IommuException">ENOMEM.</exception>
    public Ioas AllocateIoas()
    {
        var arguments = new IommuIoasAlloc { Size = SizeOf<IommuIoasAlloc>() };
        SysResult result = TryIoctl(IommufdH.IOMMU_IOAS_ALLOC, ref arguments);
        return result.IsOk
            ? new Ioas(this, arguments.OutIoasId)
            : throw new IommuException(result, "allocation of an IOAS");
    }

    /// <summary>Makes a paging HWPT for a device over an IOAS (IOMMU_HWPT_ALLOC).</summary>
    /// <param name="device">A device bound to this context.</param>
    /// <param name="ioas">The IOAS whose mappings it uses.</param>
    /// <param name="options">What it can do.</param>
    /// <param name="faults">The queue for page requests of devices that are attached to it; null refuses them.</param>
    /// <exception cref="IommuException">EOPNOTSUPP if the unit does not support it, EINVAL, ENOENT, ENOMEM.</exception>
    public Hwpt AllocateHwpt(
        IBoundDevice device, Ioas ioas, HwptOptions options = HwptOptions.None, FaultQueue? faults = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(ioas);
        var arguments = new IommuHwptAlloc { Flags = (uint)options, DevId = device.Id, PtId = ioas.Id };
        return new Hwpt(this, AllocateHwpt(ref arguments, faults, $"over IOAS {ioas.Id}"));
    }

    /// <summary>
    /// Makes a HWPT with a first stage of the caller's (IOMMU_HWPT_ALLOC).
    /// </summary>
    /// <param name="device">A device bound to this context.</param>
    /// <param name="parent">The second stage: a HWPT made with <see cref="HwptOptions.NestParent"/>.</param>
    /// <param name="firstStage">The address and format of its tables, in the structure of the IOMMU's kind.</param>
    /// <param name="options"><see cref="HwptOptions.Pasid"/> or none.</param>
    /// <param name="faults">The queue for page requests of devices that are attached to it; null refuses them.</param>
    /// <exception cref="IommuException">EOPNOTSUPP if the unit does not support it, EINVAL if the parent is no nest
    /// parent, ENOENT, ENOMEM.</exception>
    public NestedHwpt AllocateNestedHwpt<T>(
        IBoundDevice device, Hwpt parent, in T firstStage, HwptOptions options = HwptOptions.None,
        FaultQueue? faults = null)
        where T : unmanaged, IHwptData
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(parent);
        UserMemory data = Nodes.Rent((int)SizeOf<T>());
        try
        {
            data.Write(0, firstStage);
            var arguments = new IommuHwptAlloc
            {
                Flags = (uint)options,
                DevId = device.Id,
                PtId = parent.Id,
                DataType = T.DataType,
                DataLen = SizeOf<T>(),
                DataUptr = data.Address.Value,
            };
            return new NestedHwpt(this, AllocateHwpt(ref arguments, faults, $"on HWPT {parent.Id}"));
        }
        finally
        {
            Nodes.Return(data);
        }
    }

    /// <summary>Makes a queue for page requests (IOMMU_FAULT_QUEUE_ALLOC).</summary>
    /// <exception cref="IommuException">ENOMEM, EMFILE.</exception>
    public FaultQueue AllocateFaultQueue() => FaultQueue.Allocate(this);

    /// <summary>Describes the IOMMU behind a device (IOMMU_GET_HW_INFO).</summary>
    /// <param name="device">A device bound to this context.</param>
    /// <exception cref="IommuException">Refused.</exception>
    public HardwareDescription DescribeHardware(IBoundDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        UserMemory data = Nodes.Rent(HardwareDescription.Room);
        try
        {
            var arguments = new IommuHwInfo
            {
                Size = SizeOf<IommuHwInfo>(),
                DevId = device.Id,
                DataLen = HardwareDescription.Room,
                DataUptr = data.Address.Value,
            };
            SysResult result = TryIoctl(IommufdH.IOMMU_GET_HW_INFO, ref arguments);
            if (!result.IsOk) throw new IommuException(result, $"description of the IOMMU of device {device.Id}");
            return new HardwareDescription(
                arguments.OutDataType, (HardwareCapabilities)arguments.OutCapabilities, arguments.OutMaxPasidLog2,
                data.ToArray(0, (int)Math.Min(arguments.DataLen, HardwareDescription.Room)));
        }
        finally
        {
            Nodes.Return(data);
        }
    }

    /// <summary>Destroys an object (IOMMU_DESTROY).</summary>
    /// <exception cref="IommuException">EBUSY if something uses it, ENOENT if there is no such object.</exception>
    public void Destroy(uint id)
    {
        SysResult result = TryDestroy(id);
        if (!result.IsOk) throw new IommuException(result, $"destruction of object {id}");
    }

    /// <summary>
    /// Reads whether the process, not the user, is charged for pinned memory (IOMMU_OPTION_RLIMIT_MODE).
    /// </summary>
    /// <exception cref="IommuException">EPERM without CAP_SYS_RESOURCE.</exception>
    public bool GetChargesProcess() =>
        Option(IommufdH.IOMMU_OPTION_RLIMIT_MODE, IommufdH.IOMMU_OPTION_OP_GET, 0, 0) != 0;

    /// <summary>Charges the process or the user for pinned memory (IOMMU_OPTION_RLIMIT_MODE).</summary>
    /// <param name="process">True for the process.</param>
    /// <exception cref="IommuException">EPERM without CAP_SYS_RESOURCE, EBUSY once the context has objects.</exception>
    public void SetChargesProcess(bool process) =>
        Option(IommufdH.IOMMU_OPTION_RLIMIT_MODE, IommufdH.IOMMU_OPTION_OP_SET, 0, process ? 1u : 0);

    /// <summary>
    /// Charges the calling process for pinned memory and uses its memory from now on (IOMMU_IOAS_CHANGE_PROCESS).
    /// </summary>
    /// <exception cref="IommuException">EINVAL if a mapping is not of a file.</exception>
    public void ChangeProcess()
    {
        var arguments = new IommuIoasChangeProcess { Size = SizeOf<IommuIoasChangeProcess>() };
        SysResult result = TryIoctl(IommufdH.IOMMU_IOAS_CHANGE_PROCESS, ref arguments);
        if (!result.IsOk) throw new IommuException(result, "change of the context's process");
    }

    private uint AllocateHwpt(ref IommuHwptAlloc arguments, FaultQueue? faults, string where)
    {
        arguments.Size = SizeOf<IommuHwptAlloc>();
        if (faults is not null)
        {
            arguments.Flags |= IommufdH.IOMMU_HWPT_FAULT_ID_VALID;
            arguments.FaultId = faults.Id;
        }

        SysResult result = TryIoctl(IommufdH.IOMMU_HWPT_ALLOC, ref arguments);
        return result.IsOk
            ? arguments.OutHwptId
            : throw new IommuException(result,
                $"allocation of a HWPT for device {arguments.DevId} {where} with flags 0x{arguments.Flags:x}");
    }

    internal SysResult TryDestroy(uint id)
    {
        var arguments = new IommuDestroy { Size = SizeOf<IommuDestroy>(), Id = id };
        return TryIoctl(IommufdH.IOMMU_DESTROY, ref arguments);
    }

    internal ulong Option(uint option, ushort operation, uint objectId, ulong value)
    {
        var arguments = new IommuOption
        {
            Size = SizeOf<IommuOption>(),
            OptionId = option,
            Op = operation,
            ObjectId = objectId,
            Val64 = value,
        };
        SysResult result = TryIoctl(IommufdH.IOMMU_OPTION, ref arguments);
        if (result.IsOk) return arguments.Val64;
        string request = operation == IommufdH.IOMMU_OPTION_OP_SET
            ? $"setting of option {option} to {value}"
            : $"reading of option {option}";
        throw new IommuException(result, $"{request} of object {objectId}");
    }
}
