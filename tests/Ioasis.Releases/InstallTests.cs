namespace Ioasis.Releases;

/// <summary>The release on a Debian that has neither .NET nor Git, nor anything that was built here.</summary>
[Collection(nameof(ReleaseBench))]
public sealed class InstallTests(ReleaseBench release)
{
    private const string FirstScreen = """
        ioasis --version
        ioasis demo
        ioasis run -- ls -l /dev/vfio/devices /dev/iommu
        setpriv --reuid 65534 --regid 65534 --clear-groups ioasis run -- ls /dev/vfio
        """;

    // The page asks a running program. A browser is not there; bash can connect.
    private const string Page = """

        mkfifo /tmp/go /tmp/url
        ioasis run -- cat /tmp/go & program=$!
        ioasis web >/tmp/url & page=$!
        read -r line </tmp/url
        address=${line#ioasis: http://} secret=${line##*t=} port=${address%%/*}
        port=${port##*:}
        bash -c 'exec 3<>/dev/tcp/127.0.0.1/$0; printf "GET $2 HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n" $0 >&3
          printf "Authorization: Bearer %s\r\nConnection: close\r\n\r\n" $1 >&3; cat <&3' "$port" "$secret" /api/about
        kill $page # a shell's background ignores SIGINT
        wait $page
        echo "page ended with $?"
        echo >/tmp/go
        wait $program
        """;

    private static readonly string[] s_page =
        ["HTTP/1.1 200 OK", "\"kind\":\"", "page ended with 0"];

    private static readonly string[] s_says =
    [
        "uAPI of Linux 7.2",
        "A device, an IOMMU and a program, all in this process.",
        "10, 124 ",
        " /dev/iommu",
        "511, 0 ",
        " vfio0",
        "devices\nvfio\n",
    ];

    [Fact]
    public async Task One_file_needs_no_more_than_the_smallest_Debian()
    {
        const string Install = """
            ! command -v dotnet && ! command -v git
            install -m 755 /release/ioasis /release/ioasis-web /usr/local/bin/

            """;
        (await release.InDebian(Install + FirstScreen + Page)).MustEnd().MustSay(s_says).MustSay(s_page);
    }

    [Fact]
    public async Task Package_is_installed_and_removed()
    {
        const string Rest = """

            dpkg --verify ioasis
            ls /usr/include/ioasis.h /usr/share/ioasis/machine.schema.json /usr/bin/ioasis-web
            grep -m 1 "Apache License" /usr/share/doc/ioasis/copyright
            apt-get remove -y -qq ioasis >/dev/null
            [ ! -e /usr/bin/ioasis ] && echo removed
            """;
        (await release.InDebian(
            "apt-get install -y -qq /release/ioasis_*_amd64.deb >/dev/null\n" + FirstScreen + Page + Rest))
            .MustEnd().MustSay(s_says).MustSay(s_page).MustSay("/usr/share/ioasis/machine.schema.json",
                "/usr/bin/ioasis-web", "Apache License", "removed");
    }

    [Fact]
    public async Task Program_of_the_README_runs()
    {
        string program = Path.Combine(release.Scratch(), "first_dma");
        string build = $"gcc -static -O2 $('{release.Root}/eng/uapi-headers.sh') "
            + $"'{release.Root}/examples/first_dma.c' -o '{program}'";
        (await Execution.Run(["sh", "-c", build])).MustEnd();
        (await Execution.Run([release.Program, "run", "--", program])).MustEnd()
            .MustSay("IOVA 0x1000: the device read 0x123456789abcdef");
    }
}
