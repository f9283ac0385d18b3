using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Mapping;

/// <summary>The owner of pinned pages, and who is charged for them.</summary>
/// <param name="Accounting">Who is charged.</param>
/// <param name="Process">The process that mapped them.</param>
/// <param name="User">Its user; null if the user is never charged.</param>
internal readonly record struct PinOwner(PinAccounting Accounting, ProcessPins Process, UserPins? User)
{
    private const int CapIpcLock = 14;

    /// <summary>The owner for a caller's next mapping.</summary>
    internal static PinOwner Of(ICaller caller, IommufdContext context)
    {
        if (caller.HasCapability(CapIpcLock)) return new PinOwner(PinAccounting.None, caller.Pins, null);
        PinAccounting accounting = context.AccountsByProcess ? PinAccounting.Process : PinAccounting.User;
        return new PinOwner(accounting, caller.Pins, caller.UserPins);
    }

    /// <summary>Counts pages as pinned and charges for them.</summary>
    /// <returns>
    /// <see cref="Errno.ENOMEM"/> if the limit is exceeded, <see cref="Errno.EINVAL"/> if the process is gone.
    /// </returns>
    internal Errno Charge(ulong pages)
    {
        if (pages == 0 || Accounting == PinAccounting.Elsewhere) return Errno.None;
        if (Accounting == PinAccounting.Pinned)
            return Process.TryPin(pages, Process.LockLimit / IoPageTable.HostPageSize)
                ? Errno.None
                : Errno.ENOMEM.Because(
                    $"{pages} more pages exceed the process's limit of locked memory (RLIMIT_MEMLOCK), "
                        + $"0x{Process.LockLimit:x} bytes");
        if (Accounting == PinAccounting.Process && Process.HasEnded)
            return Errno.EINVAL.Because("the process to which pinned memory is charged has ended");
        if (Accounting != PinAccounting.None)
        {
            ulong limit = Process.LockLimit / IoPageTable.HostPageSize;
            if (!(Accounting == PinAccounting.User ? User!.TryLock(pages, limit) : Process.TryLock(pages, limit)))
                return Errno.ENOMEM.Because(
                    $"{pages} more pages exceed the limit of locked memory (RLIMIT_MEMLOCK), "
                        + $"0x{Process.LockLimit:x} bytes");
        }

        Process.AddPinned((long)pages);
        return Errno.None;
    }

    /// <summary>Undoes a <see cref="Charge"/> of as many pages.</summary>
    internal void Uncharge(ulong pages)
    {
        if (pages == 0 || Accounting == PinAccounting.Elsewhere) return;
        if (Accounting == PinAccounting.User) User!.Unlock(pages);
        else if (Accounting == PinAccounting.Process) Process.Unlock(pages);
        Process.AddPinned(-(long)pages);
    }
}
