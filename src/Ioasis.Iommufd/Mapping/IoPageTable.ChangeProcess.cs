using Ioasis.Abi;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Mappings that change hands.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>
    /// Lets another process own all mappings (Linux: iommufd_ioas_change_process). Only mappings of files can change
    /// hands: those of pointers mean the process that made them.
    /// </summary>
    /// <param name="tables">All tables of a context, in the order that they are locked in. One of these calls at a
    /// time.</param>
    /// <param name="next">The process, and its user.</param>
    /// <returns><see cref="Errno.ENOMEM"/> where its limit does not allow it; then nothing has changed.</returns>
    internal static Errno ChangeProcess(IReadOnlyList<IoPageTable> tables, PinOwner next)
    {
        int locked = 0;
        try
        {
            for (; locked < tables.Count; locked++) tables[locked]._lock.Enter();
            if (tables.Any(t => t._areas.HasPointers)) return Errno.EINVAL;
            // none is plain
            HashSet<Pages> pages = [
                .. tables.SelectMany(t => t._areas.Slots.Select(s => t._areas.AreaOf(s.Value)!.Pages))];

            // The new owner is charged first, so that what is refused is refused as a whole.
            Span<ulong> totals = stackalloc ulong[(int)PinAccounting.Process + 1];
            foreach (Pages each in pages) totals[(int)accounting(each, out ulong pinned)] += pinned;
            for (int i = 0; i < totals.Length; i++)
            {
                Errno errno = (next with { Accounting = (PinAccounting)i }).Charge(totals[i]);
                if (errno == Errno.None) continue;
                while (--i >= 0) (next with { Accounting = (PinAccounting)i }).Uncharge(totals[i]);
                return errno;
            }

            foreach (Pages each in pages) each.ChangeOwner(next);
            return Errno.None;
        }
        finally
        {
            while (--locked >= 0) tables[locked]._lock.Exit();
        }

        PinAccounting accounting(Pages each, out ulong pinned)
        {
            pinned = each.PinnedFor(next, out PinAccounting by);
            return by;
        }
    }
}
