using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Paths;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Tests.Host;

/// <summary>Who may do what: Linux's rules for files of ours, and with whose rights the host is touched.</summary>
public sealed class CallersRightsTests
{
    private const int CAP_CHOWN = 0, CAP_DAC_OVERRIDE = 1, CAP_DAC_READ_SEARCH = 2, CAP_FOWNER = 3;
    private const uint R = FilePermission.MAY_READ, W = FilePermission.MAY_WRITE, X = FilePermission.MAY_EXEC;

    private static CallerCredentials Who(
        uint user, uint group = 500, string groups = "", ulong effective = 0, uint realUser = 77, ulong permitted = 0)
    {
        string text = $"Name:\tx\nUid:\t{realUser}\t1\t2\t{user}\nGid:\t78\t1\t2\t{group}\nGroups:\t{groups} "
            + $"\nCapInh:\t0\nCapPrm:\t{permitted:x16}\nCapEff:\t{effective:x16}\n";
        Assert.True(CallerCredentials.TryParse(System.Text.Encoding.ASCII.GetBytes(text),
                out CallerCredentials? credentials));
        return credentials!;
    }

    private static FileOwner Device(uint mode) => new(1000, 100, StatMode.S_IFCHR | mode);

    [Fact]
    public void WhoAThreadIsIsTakenFromItsStatus()
    {
        CallerCredentials who = Who(1000, 100, "5 3 4000000000", effective: 0x1ff, realUser: 0, permitted: 0x3ff);
        Assert.Equal((1000u, 100u, 0u, 78u), (who.User, who.Group, who.RealUser, who.RealGroup));
        Assert.Equal([3u, 5u, 4000000000u], who.Groups);
        Assert.True(who.IsIn(100) && who.IsIn(5) && !who.IsIn(4));
        CallerCredentials real = who.ForRealIds();
        Assert.Equal((0u, 78u, 0x3fful), (real.User, real.Group, real.Effective));
        Assert.Equal(0ul, Who(0, effective: 0x1ff, realUser: 7, permitted: 0x1ff).ForRealIds().Effective);
        Assert.False(CallerCredentials.TryParse("Uid:\t1\t1\t1\t1\n"u8, out _));
        Assert.True(CallerCredentials.TryRead(Environment.ProcessId, out CallerCredentials? own));
        Assert.Equal(SysProcesses.EffectiveUser, own!.User);
    }

    [Theory]
    [InlineData(0x1B0u, 1000u, 5u, "", R | W, true)] // 0660: the owner
    [InlineData(0x1B0u, 5u, 100u, "", R | W, true)] // the group
    [InlineData(0x1B0u, 5u, 5u, "7 100", R | W, true)]
    [InlineData(0x1B0u, 5u, 5u, "7", R, false)]
    [InlineData(0x1B6u, 5u, 5u, "", R | W, true)] // 0666
    [InlineData(0x036u, 1000u, 5u, "", R, false)] // 0066: the owner's own bits count, not others'
    [InlineData(0x186u, 5u, 100u, "", R, false)] // 0606: the group's
    [InlineData(0x124u, 5u, 5u, "", W, false)]
    public void TheModeSaysWhoMay(uint mode, uint user, uint group, string groups, uint wanted, bool expected)
    {
        Assert.Equal(expected, FilePermission.Permits(Who(user, group, groups), Device(mode), wanted));
        if (FilePermission.IsEverybodys(mode, wanted)) Assert.True(expected);
    }

    [Theory]
    [InlineData(CAP_DAC_OVERRIDE, 0u, R | W, true)]
    [InlineData(CAP_DAC_OVERRIDE, 0u, X, false)] // what nobody may execute
    [InlineData(CAP_DAC_OVERRIDE, 0x40u, X, true)]
    [InlineData(CAP_DAC_READ_SEARCH, 0u, R, true)]
    [InlineData(CAP_DAC_READ_SEARCH, 0u, R | W, false)]
    [InlineData(CAP_FOWNER, 0u, R, false)]
    public void CapabilitiesCountAsInLinux(int capability, uint mode, uint wanted, bool expected) =>
        Assert.Equal(expected, FilePermission.Permits(Who(5, effective: 1ul << capability), Device(mode), wanted));

    [Fact]
    public void DirectoriesAreSearchedByMoreCapabilities()
    {
        var directory = new FileOwner(1000, 100, StatMode.S_IFDIR);
        Assert.True(FilePermission.Permits(Who(5, effective: 1ul << CAP_DAC_READ_SEARCH), directory, R | X));
        Assert.False(FilePermission.Permits(Who(5, effective: 1ul << CAP_DAC_READ_SEARCH), directory, W));
        Assert.True(FilePermission.Permits(Who(5, effective: 1ul << CAP_DAC_OVERRIDE), directory, X));
    }

    [Fact]
    public void TheModeIsItsOwnersToChange()
    {
        FileOwner owner = Device(0x1B0);
        Assert.Equal(Errno.EPERM, FilePermission.TryChangeMode(Who(5), ref owner, 0x1B6));
        Assert.Equal(Device(0x1B0), owner);
        Assert.Equal(Errno.None, FilePermission.TryChangeMode(Who(1000, 100), ref owner, 0xFFFFF5B6));
        Assert.Equal(Device(0x5B6), owner);
        // set-group-ID by one who is not in the group
        Assert.Equal(Errno.None, FilePermission.TryChangeMode(Who(1000, 7), ref owner, 0x5B6));
        Assert.Equal(Device(0x1B6), owner);
        Assert.Equal(Errno.None, FilePermission.TryChangeMode(Who(5, effective: 1ul << CAP_FOWNER), ref owner, 0));
        Assert.Equal(Device(0), owner);
    }

    [Fact]
    public void TheOwnerIsRootsToChangeAndTheGroupToOneOfTheOwners()
    {
        const uint Stays = uint.MaxValue;
        FileOwner owner = Device(0xDB6);
        Assert.Equal(Errno.EPERM, FilePermission.TryChangeOwner(Who(1000, 100), ref owner, 5, Stays));
        Assert.Equal(Errno.EPERM, FilePermission.TryChangeOwner(Who(1000, 100), ref owner, Stays, 7));
        Assert.Equal(Errno.EPERM, FilePermission.TryChangeOwner(Who(5, 7), ref owner, Stays, 7));
        Assert.Equal(Device(0xDB6), owner);
        Assert.Equal(Errno.None, FilePermission.TryChangeOwner(Who(1000, 100, "7"), ref owner, 1000, 7));
        Assert.Equal(new FileOwner(1000, 7, StatMode.S_IFCHR | 0x5B6), owner); // set-user-ID goes
        Assert.Equal(Errno.None, FilePermission.TryChangeOwner(Who(5, effective: 1ul << CAP_CHOWN), ref owner, 5, 6));
        Assert.Equal((5u, 6u), (owner.User, owner.Group));
    }

    [Theory]
    [InlineData("         0       1000          1\n", 1000u, true)]
    [InlineData("         0       1000          1\n", 0u, false)]
    [InlineData("         0          0 4294967295\n", 4294967294u, true)]
    [InlineData("0 1000 1\n1 100000 65536\n", 165535u, true)]
    [InlineData("0 1000 1\n1 100000 65536\n", 165536u, false)]
    [InlineData("", 0u, false)]
    public void AnotherNamespaceKnowsWhatItMaps(string map, uint id, bool expected) =>
        Assert.Equal(expected, CallersRights.Maps(map, id));

    [Fact]
    public void TheHostIsTouchedForOneWhoIsAsWeAre()
    {
        string folder = Directory.CreateTempSubdirectory("ioasis-rights-").FullName;
        try
        {
            File.WriteAllText(folder + "/file", "text");
            File.CreateSymbolicLink(folder + "/link", "file");
            File.CreateSymbolicLink(folder + "/magic", "/proc/self/exe");
            var hosts = new HostFiles(new CallersRights(_ => true));
            var call = new SeccompNotif { Pid = (uint)Environment.ProcessId };
            Assert.Equal(Errno.None, hosts.Stat(call, folder + "/link", follow: true, out LinuxStat stat));
            Assert.Equal(4, stat.Size);
            Assert.Equal(Errno.None, hosts.ReadLink(call, folder + "/link", out byte[] text));
            Assert.Equal("file"u8.ToArray(), text);
            Assert.Equal(Errno.EINVAL, hosts.ReadLink(call, folder + "/file", out _));
            Assert.Equal(Errno.ENOTDIR, hosts.Stat(call, folder + "/file/", follow: true, out _));
            Assert.Equal(Errno.None,
                hosts.Canonical(call, folder + "/../" + Path.GetFileName(folder) + "/link", out string canonical));
            Assert.Equal(folder + "/file", canonical);
            Assert.Equal(Errno.ELOOP, hosts.Open(call, folder + "/link", FcntlH.O_NOFOLLOW, out _));
            Assert.Equal(Errno.None, hosts.Open(call, folder + "/link", FcntlH.O_RDONLY, out FileDescriptor? file));
            file!.Dispose();

            // nothing is made, and nothing of /proc is reached, by no link either
            Assert.Equal(Errno.EACCES, hosts.Open(call, folder + "/new", FcntlH.O_CREAT | FcntlH.O_RDWR, out _));
            Assert.False(File.Exists(folder + "/new"));
            Assert.Equal(Errno.EEXIST, hosts.Open(call, folder + "/file", FcntlH.O_CREAT | FcntlH.O_EXCL, out _));
            Assert.Equal(Errno.EACCES,
                hosts.Open(call, folder, FcntlH.O_RDWR | FcntlH.O_DIRECTORY | FcntlH.O_TMPFILE_BIT, out _));
            Assert.Equal(Errno.EACCES, hosts.Open(call, "/proc/self/mem", FcntlH.O_RDONLY, out _));
            Assert.Equal(Errno.ELOOP, hosts.Open(call, folder + "/magic", FcntlH.O_RDONLY, out _));
            Assert.Equal(Errno.EACCES, hosts.Stat(call, "/proc", follow: true, out _));
            Assert.Equal(Errno.None, hosts.Open(call, "/dev/null", FcntlH.O_RDWR, out file));
            file!.Dispose();
            Assert.Equal(Errno.EACCES, hosts.Open(call, "/dev/tty", FcntlH.O_RDWR, out _));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void NobodyIsServedWhoIsGoneOrConfined()
    {
        var call = new SeccompNotif { Pid = (uint)Environment.ProcessId };
        Assert.Equal(Errno.EACCES, new HostFiles(new CallersRights(_ => false)).Stat(call, "/", follow: true, out _));
        Assert.Equal(Errno.EACCES, new HostFiles(new CallersRights(_ => true))
            .Stat(new SeccompNotif { Pid = int.MaxValue }, "/", follow: true, out _));
        var rights = new CallersRights(_ => true);
        var hosts = new HostFiles(rights);
        Assert.Equal(Errno.None, hosts.Stat(call, "/", follow: true, out _));
        rights.NoteLandlock();
        Assert.Equal(Errno.EACCES, hosts.Stat(call, "/", follow: true, out _));
    }

    [Fact]
    public void OtherCredentialsAreTakenOnByAThreadThatEnds()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can take other credentials on");
        using var nobody = ChildProcess.StartBecoming("cat", "setpriv", "--reuid", "65534", "--regid", "65534",
            "--clear-groups", "cat");
        string folder = Directory.CreateTempSubdirectory("ioasis-rights-").FullName; // 0700
        try
        {
            File.WriteAllText(folder + "/secret", "");
            var rights = new CallersRights(_ => true);
            var hosts = new HostFiles(rights);
            var call = new SeccompNotif { Pid = (uint)nobody.Id };
            Assert.Equal(Errno.EACCES, hosts.Stat(call, folder + "/secret", follow: true, out _));
            Assert.Equal(Errno.EACCES, hosts.Open(call, folder, FcntlH.O_RDONLY, out _));
            Assert.Equal(Errno.None, hosts.Stat(call, folder, follow: true, out _));
            Assert.Equal(Errno.EACCES, hosts.Access(call, "/etc/shadow", follow: true, 4, real: true));
            Assert.Equal(Errno.None, hosts.Access(call, "/etc/passwd", follow: true, 4, real: true));
            uint user = 0;
            Assert.Equal(Errno.None, rights.Act(call, real: false, () =>
            {
                Assert.True(CallerCredentials.TryRead(SysProcesses.ThreadId, out CallerCredentials? taken));
                user = taken!.User;
                Assert.Equal(0ul, taken.Effective);
                return Errno.None;
            }));
            Assert.Equal(65534u, user);
            Assert.Equal(0u, SysProcesses.EffectiveUser);
            Assert.True(CallerCredentials.TryRead(SysProcesses.ThreadId, out CallerCredentials? own));
            Assert.Equal(0u, own!.User);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
