# SPDX-License-Identifier: MIT
#
# OpenWrt recipe of @NAME@, for a feed in an OpenWrt 24.10 or 25.12 build tree
# or SDK. The parts between the marks are generated from the crate's Cargo.toml:
#	cargo xtask recipe
#
# Given from outside (environment or make's command line), all optional:
#	XTASK_SOURCE  the workspace's folder (default: the one that holds this feed)
#	XTASK_EPOCH   seconds since 1970 that every file of the package gets
#	XTASK_CARGO   a cargo to compile with in place of the feed's rust/host;
#	              then also CONFIG_XTASK_CARGO=y, and:
#	XTASK_RUSTC   its rustc (default: the one that cargo finds)
#	XTASK_TARGET  Rust's target triple (default: what rust-values.mk derives)
#	XTASK_RUSTFLAGS  what that compiler needs besides
#	XTASK_STRIPPED   y where that compiler strips: the SDK's strip leaves other
#	              bytes of the same program and does not run then
#	XTASK_TARGET_DIR, XTASK_CARGO_HOME  cargo's target directory and home, to
#	              be kept between builds

include $(TOPDIR)/rules.mk

# >>> variables
# <<< variables

XTASK_SOURCE?=$(abspath $(CURDIR)/../..)

# The condition is decided when something is built. An ifdef here would be
# decided when the metadata is scanned, and that answer is kept.
PKG_BUILD_DEPENDS:=!XTASK_CARGO:rust/host
PKG_CONFIG_DEPENDS:=CONFIG_XTASK_CARGO XTASK_EPOCH
PKG_FILE_DEPENDS:=$(wildcard $(addprefix $(XTASK_SOURCE)/,Cargo.toml Cargo.lock $(RECIPE_CRATE)))

include $(INCLUDE_DIR)/package.mk
include $(TOPDIR)/feeds/packages/lang/rust/rust-package.mk

# package.mk has set it from git or a file's age.
ifneq ($(XTASK_EPOCH),)
  PKG_SOURCE_DATE_EPOCH:=$(XTASK_EPOCH)
endif

# A static program: the same dependencies and files whoever compiles it.
CARGO_RUSTFLAGS+=-Ctarget-feature=+crt-static
CARGO_PKG_VARS+= \
	CARGO_PROFILE_RELEASE_PANIC=abort \
	CARGO_TARGET_DIR=$(if $(XTASK_TARGET_DIR),$(XTASK_TARGET_DIR),$(PKG_BUILD_DIR)/target) \
	$(if $(XTASK_CARGO_HOME),CARGO_HOME=$(XTASK_CARGO_HOME)) \
	SOURCE_DATE_EPOCH=$(PKG_SOURCE_DATE_EPOCH)

ifneq ($(CONFIG_XTASK_CARGO),)
  ifneq ($(XTASK_TARGET),)
    RUSTC_TARGET_ARCH:=$(XTASK_TARGET)
  endif
  CARGO_RUSTFLAGS+=$(XTASK_RUSTFLAGS)
  CARGO_PKG_VARS+=$(if $(XTASK_RUSTC),RUSTC=$(XTASK_RUSTC)) PATH=$(dir $(XTASK_CARGO)):$$$$PATH
  ifneq ($(XTASK_STRIPPED),)
    RSTRIP:=:
    STRIP:=:
  endif
endif

# >>> package
# <<< package

define Build/Prepare
	@[ -f $(XTASK_SOURCE)/Cargo.lock ] || { \
		echo "no Cargo.lock in $(XTASK_SOURCE): set XTASK_SOURCE to the workspace of @NAME@" >&2; \
		exit 1; \
	}
	mkdir -p $(PKG_BUILD_DIR)/source
	cd $(XTASK_SOURCE) && $(CP) --parents $(RECIPE_WORKSPACE) $(PKG_BUILD_DIR)/source/
endef

define Build/Compile
	$(call Build/Compile/Cargo,source/$(RECIPE_CRATE),$(RECIPE_CARGO_ARGS))
endef

$(eval $(call BuildPackage,@NAME@))
