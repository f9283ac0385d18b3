using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Pasids;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Client.Drivers;

/// <content>
/// The function's PASIDs. Its requests without a PASID move to a HWPT over the same IOAS that permits PASIDs, as soon
/// as the driver wants one. The system PASID is attached to that HWPT: one table, so one unmap ends both.
/// </content>
public sealed partial class VfioFunction
{
    // Guards what follows; held while PASIDs are attached and detached.
    private readonly RankedLock _pasidLock = new(LockRank.FunctionPasids);
    private Hwpt? _forPasids; // the function's page table since it has PASIDs
    private SvaContext? _sva; // open while the process is bound
    private Pasid _system, _process;
    private int _systemUses, _processUses;

    /// <inheritdoc/>
    public override IommuStatus AcquireSystemPasid(out SystemPasid? pasid)
    {
        pasid = null;
        using (_pasidLock.Enter())
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            IommuStatus status = _systemUses > 0 ? IommuStatus.Ok : Try(AttachSystem);
            if (status != IommuStatus.Ok) return status;
            _systemUses++;
            pasid = new SystemPasid(_system, ReleaseSystem);
            return IommuStatus.Ok;
        }
    }

    /// <inheritdoc/>
    public override IommuStatus BindProcess(NodeTransport process, out BoundProcess? binding)
    {
        binding = null;
        if (process != _device.Nodes) return IommuStatus.Invalid;
        using (_pasidLock.Enter())
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            IommuStatus status = _processUses > 0 ? IommuStatus.Ok : Try(AttachProcess);
            if (status != IommuStatus.Ok) return status;
            _processUses++;
            binding = new BoundProcess(_process, ReleaseProcess);
            return IommuStatus.Ok;
        }
    }

    private static IommuStatus Try(Func<IommuStatus> attach)
    {
        try
        {
            return attach();
        }
        catch (IommuException refusal)
        {
            return Statuses.Of(refusal.Errno);
        }
    }

    private IommuStatus AttachSystem()
    {
        int bits = PasidBits();
        if (bits == 0) return IommuStatus.NotSupported;
        UseHwptForPasids();
        // A program chooses the number itself. /dev/sva gives out the lowest ones, so this begins with the highest.
        for (uint value = (1u << bits) - 1; value > 0; value--)
        {
            Errno errno = _device.TryAttach(_forPasids!, new Pasid(value));
            if (errno == Errno.None) _system = new Pasid(value);
            if (errno != Errno.EBUSY) return Statuses.Of(errno);
        }

        return IommuStatus.NoSpace;
    }

    private IommuStatus AttachProcess()
    {
        if (PasidBits() == 0) return IommuStatus.NotSupported;
        SvaContext sva = SvaContext.Open(_device.Nodes);
        try
        {
            UseHwptForPasids();
            _process = sva.BindProcess();
            _device.Attach(sva, _process);
            _sva = sva;
            return IommuStatus.Ok;
        }
        catch
        {
            sva.Dispose();
            throw;
        }
    }

    /// <summary>How many bits the function's PASIDs have; 0 if it, or the IOMMU, has none.</summary>
    private int PasidBits()
    {
        try
        {
            return Math.Min(Space.Ioas.Context.DescribeHardware(_device).MaxPasidLog2, Pasid.Bits);
        }
        catch (IommuException)
        {
            return 0; // there is no IOMMU: an emulated device
        }
    }

    private void UseHwptForPasids()
    {
        if (_forPasids is not null) return;
        Hwpt hwpt = Space.Ioas.Context.AllocateHwpt(_device, Space.Ioas, HwptOptions.Pasid);
        try
        {
            _device.Attach(hwpt); // without a gap; the HWPT that it had goes
            _forPasids = hwpt;
        }
        catch
        {
            hwpt.Dispose();
            throw;
        }
    }

    private void ReleaseSystem()
    {
        using (_pasidLock.Enter())
            if (--_systemUses == 0 && _disposed == 0) _device.Detach(_system);
    }

    private void ReleaseProcess()
    {
        using (_pasidLock.Enter())
        {
            if (--_processUses > 0 || _disposed != 0) return;
            _device.Detach(_process);
            _sva!.Dispose(); // frees the PASID
            _sva = null;
        }
    }
}
