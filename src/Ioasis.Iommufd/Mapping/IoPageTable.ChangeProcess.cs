using Ioasis.Abi;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Change of the mappings' owner.</summary>
internal sealed partial class IoPageTable
{
    /// <summary>
    /// Makes another process the owner of all mappings (Linux: iommufd_ioas_change_process). Only mappings of files can
    /// change owner: pointers refer to the memory of the process that mapped them.
    /// </summary>
    /// <param name="tables">All tables of a context, in locking order. Only one such call at a time.</param>
    /// <param name="next">The new owner.</param>
    /// <returns><see cref="Errno.ENOMEM"/>, with nothing changed, if its limit is exceeded.</returns>
    internal static Errno ChangeProcess(IReadOnlyList<IoPageTable> tables, PinOwner next)
    {
        int locked = 0;
        try
        {
            for (; locked < tables.Count; locked++) tables[locked]._lock.EnterAmongMany();
            if (tables.Any(t => t._areas.HasPointers))
                return Errno.EINVAL.Because(
                    "the context has a mapping of a process's memory; only mappings of files can change their process");
            HashSet<Pages> pages = [.. tables.SelectMany(t => t._areas.ToObjects()).Select(a => a.Pages)];

            // Charges the new owner first, so that a refusal changes nothing.
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
