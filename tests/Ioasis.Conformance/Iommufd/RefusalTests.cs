using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;

namespace Ioasis.Conformance.Iommufd;

/// <summary>
/// A refusal says what was wrong. That every refusal of the suite does is checked at the end of each test; that the
/// check sees one is checked here.
/// </summary>
public sealed class RefusalTests : UapiTest
{
    [Fact]
    public void A_refused_map_says_which_address_is_wrong()
    {
        Assert.SkipUnless(Target.IsProcess, "A real kernel does not say why.");
        using IommuContext context = OpenContext();
        using Ioas ioas = context.AllocateIoas();
        int before = Target.RefusalsSeen;
        IommuException refusal = Fails(Errno.ENOENT, () => ioas.Unmap(At(0x7000), Page));
        Assert.Equal("nothing is mapped in 0x7000-0x7fff", refusal.Why);
        Assert.EndsWith("failed: ENOENT (nothing is mapped in 0x7000-0x7fff).", refusal.Message,
            StringComparison.Ordinal);
        Assert.Equal(before + 1, Target.RefusalsSeen);
        Assert.Null(new IommuException(Errno.ENOENT, "something else").Why);
    }
}
