using Ioasis.Abi;
using Ioasis.Passthrough.Vfio.Pci;

namespace Ioasis.Tests.Vfio;

public sealed class VfTokenTests
{
    private static readonly Guid s_one = new("52ac9bff-3a88-4fbd-901a-0d767c3b6c97"),
        s_other = new("88594674-90a0-47a9-aea8-9d9b352ac08a");

    [Theory]
    [InlineData("", null)]
    [InlineData("   ", null)]
    [InlineData(" vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6c97", "52ac9bff-3a88-4fbd-901a-0d767c3b6c97")]
    [InlineData("  vf_token=52AC9BFF-3A88-4FBD-901A-0D767C3B6C97  ", "52ac9bff-3a88-4fbd-901a-0d767c3b6c97")]
    public void AnOptionIsRead(string options, string? token)
    {
        Assert.True(VfToken.TryParseOptions(options, out Guid? read));
        Assert.Equal(token, read?.ToString("D"));
    }

    [Theory]
    [InlineData(" other")]
    [InlineData(" vf_token")]
    [InlineData(" vf_token=")]
    [InlineData(" vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6c9")]
    [InlineData(" vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6c97x")]
    [InlineData(" vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6c97 x")]
    [InlineData(" vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6c97 vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6c97")]
    [InlineData(" vf_token=52ac9bff03a88-4fbd-901a-0d767c3b6c97")]
    [InlineData(" vf_token=0x2c9bff1-3a88-4fbd-901a-0d767c3b6c97")]
    [InlineData(" vf_token=+2ac9bff-3a88-4fbd-901a-0d767c3b6c97")]
    [InlineData(" vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6cg7")]
    public void AnotherOptionIsNone(string options) => Assert.False(VfToken.TryParseOptions(options, out _));

    [Fact]
    public void BytesAreInTheOrderOfTheText()
    {
        Guid token = VfToken.FromBytes(
            [0x52, 0xac, 0x9b, 0xff, 0x3a, 0x88, 0x4f, 0xbd, 0x90, 0x1a, 0x0d, 0x76, 0x7c, 0x3b, 0x6c, 0x97]);
        Assert.Equal(s_one, token);
    }

    [Fact]
    public void AVirtualFunctionNeedsTheTokenAlways()
    {
        var token = new VfToken();
        Assert.Equal(Errno.EACCES, token.MatchVirtual(null));
        Assert.Equal(Errno.EACCES, token.MatchVirtual(default(Guid))); // it begins as nobody's
        token.Set(s_one);
        Assert.Equal(Errno.EACCES, token.MatchVirtual(s_other));
        Assert.Equal(Errno.None, token.MatchVirtual(s_one));
        Assert.Equal(Errno.EACCES, token.MatchVirtual(null));
    }

    [Fact]
    public void ThePhysicalFunctionNeedsItWhileVirtualOnesAreUsedAndSetsItOtherwise()
    {
        var token = new VfToken();
        Assert.Equal(Errno.None, token.MatchPhysical(s_one));
        Assert.Equal(Errno.None, token.MatchVirtual(s_one));
        Assert.Equal(Errno.None, token.MatchPhysical(null));
        Assert.Equal(Errno.None, token.MatchVirtual(s_one)); // none given, none changed
        token.AddUser();
        token.AddUser();
        token.RemoveUser();
        Assert.Equal(Errno.EACCES, token.MatchPhysical(null));
        Assert.Equal(Errno.EACCES, token.MatchPhysical(s_other));
        Assert.Equal(Errno.None, token.MatchPhysical(s_one));
        token.RemoveUser();
        Assert.Equal(Errno.None, token.MatchPhysical(s_other));
        Assert.Equal(Errno.EACCES, token.MatchVirtual(s_one));
    }
}
