using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_OPTION.</summary>
public sealed class OptionTests : UapiTest
{
    private const uint Charge = IommufdH.IOMMU_OPTION_RLIMIT_MODE;
    private const uint Huge = IommufdH.IOMMU_OPTION_HUGE_PAGES;
    private const ushort Get = IommufdH.IOMMU_OPTION_OP_GET;
    private const ushort Set = IommufdH.IOMMU_OPTION_OP_SET;
    private readonly IommuContext _context;

    public OptionTests() => _context = OpenContext();

    [Fact]
    public void Huge_pages_are_on_until_they_are_switched_off()
    {
        Ioas ioas = _context.AllocateIoas();
        Assert.True(ioas.GetHugePages());
        ioas.SetHugePages(false);
        Assert.False(ioas.GetHugePages());
        ioas.SetHugePages(true);
        Assert.True(ioas.GetHugePages());
        Assert.Equal(1ul, ioas.GetIovaAlignment());
    }

    [Fact]
    public void Without_huge_pages_mappings_are_of_whole_pages()
    {
        Ioas ioas = _context.AllocateIoas();
        ioas.SetHugePages(false);
        Assert.Equal(Page, ioas.GetIovaAlignment());
        UserMemory memory = Pages(1);
        Fails(Errno.EINVAL, () => ioas.Map(memory.Address, 16, ReadWrite, At(0x10000)));
        ioas.SetHugePages(true);
        ioas.Map(memory.Address, 16, ReadWrite, At(0x10000));
        Fails(Errno.EADDRINUSE, () => ioas.SetHugePages(false));
        Assert.True(ioas.GetHugePages());
        ioas.UnmapAll();
        ioas.SetHugePages(false);
    }

    [Fact]
    public void Bad_requests_for_huge_pages_are_refused_and_nothing_changed()
    {
        Ioas ioas = _context.AllocateIoas();
        Snapshot before = Snapshot.Of(ioas);
        Fails(Errno.EINVAL, Option(Huge, Set, ioas.Id, 2));
        Fails(Errno.EINVAL, Option(Huge, Set, ioas.Id, ulong.MaxValue));
        Fails(Errno.EOPNOTSUPP, Option(Huge, 2, ioas.Id, 0));
        Fails(Errno.ENOENT, Option(Huge, Set, NoId, 0));
        Fails(Errno.ENOENT, Option(Huge, 2, 0, 0));
        Fails(Errno.EOPNOTSUPP, Option(Huge, Set, ioas.Id, 0, reserved: 1));
        Fails(Errno.EOPNOTSUPP, Option(2, Get, ioas.Id, 0));
        Fails(Errno.EOPNOTSUPP, Option(uint.MaxValue, Get, 0, 0));
        Assert.Equal(before, Snapshot.Of(ioas));
    }

    [Fact]
    public void Pinned_memory_is_charged_to_the_user_unless_a_privileged_program_says_otherwise_first()
    {
        Assert.False(_context.GetChargesProcess());
        Fails(Errno.EOPNOTSUPP, Option(Charge, Get, 1, 0));
        Fails(Errno.EOPNOTSUPP, Option(Charge, Set, 1, 0));
        Fails(Errno.EOPNOTSUPP, Option(Charge, 2, 0, 0));
        if (!Target.HasCapability(Capability.SysResource))
        {
            Fails(Errno.EPERM, Option(Charge, Set, 0, 1));
            Fails(Errno.EPERM, Option(Charge, Set, 0, 2));
            Assert.False(_context.GetChargesProcess());
            return;
        }

        Fails(Errno.EINVAL, Option(Charge, Set, 0, 2));
        _context.SetChargesProcess(true);
        Assert.True(_context.GetChargesProcess());
        Ioas ioas = _context.AllocateIoas();
        Fails(Errno.EBUSY, Option(Charge, Set, 0, 0));
        Fails(Errno.EBUSY, Option(Charge, Set, 0, 2));
        Assert.True(_context.GetChargesProcess());
        ioas.Destroy();
        _context.SetChargesProcess(false);
    }

    private SysResult Option(uint option, ushort operation, uint id, ulong value, ushort reserved = 0)
    {
        var arguments = new IommuOption
        {
            Size = Size<IommuOption>(),
            OptionId = option,
            Op = operation,
            Reserved = reserved,
            ObjectId = id,
            Val64 = value,
        };
        return _context.TryIoctl(IommufdH.IOMMU_OPTION, ref arguments);
    }
}
